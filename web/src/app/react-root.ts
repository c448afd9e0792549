//! React's renderer by a name of our own, so that the build puts what starts it beside it: that takes a task of its own.

export { createRoot } from "react-dom/client";
