//! Sets the chosen theme before the first paint; a module would come too late. Its twin is src/ui/theme.ts.
try {
  var theme = localStorage.getItem("vitagraph.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch (error) {
  // Storage may be forbidden; then the system's theme stays.
}
