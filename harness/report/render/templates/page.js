const open = () => { const row = document.getElementById(location.hash.slice(1));
  if (row && row.tagName === 'DETAILS') { row.open = true; row.scrollIntoView(); } };
addEventListener('hashchange', open); open();
document.querySelectorAll('.command button').forEach(button => button.onclick = () => {
  const code = button.previousElementSibling;
  const done = () => { button.textContent = 'copied' };
  const select = () => getSelection().selectAllChildren(code);
  if (!navigator.clipboard) return select();
  navigator.clipboard.writeText(code.textContent).then(done, select);
});
