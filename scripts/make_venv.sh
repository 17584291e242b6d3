#!/bin/sh
# Makes a virtual environment with pip in it: make_venv.sh FOLDER
# A Debian without python3-venv can make one only without pip; pip, if it is there, then
# installs itself into it.
set -eu
folder=$1
python=${PYTHON:-python3}

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || {
    echo "setup: $python does not run; give another: make setup PYTHON=python3.11" >&2
    exit 2
}
case $version in
3.11 | 3.12 | 3.13) ;;
*)
    echo "setup: $python is Python $version; accepted: 3.11 to 3.13: make setup PYTHON=python3.11" >&2
    exit 2
    ;;
esac

rm -rf "$folder"
if "$python" -m venv "$folder" 2>/dev/null; then
    exit 0
fi
rm -rf "$folder"
if "$python" -m venv --without-pip "$folder" &&
    "$python" -m pip --python "$folder/bin/python" install --quiet pip; then
    exit 0
fi
echo "setup: $python can make no virtual environment: apt-get install python3-venv" >&2
exit 2
