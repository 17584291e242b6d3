"""A cell as an ordinary Hydra application.

python -m harness.run --multirun sparsity=random sparsity.target=0.5,0.75 seed=1,2,3
"""

import sys

from harness.cli.hydra_app import main

if __name__ == "__main__":
    sys.exit(main())
