// Sets the chosen colours before anything is drawn; not a module, which would be late.
(function () {
  try {
    const theme = localStorage.getItem("placement.theme");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is off: the colours are those of the system.
  }
})();
