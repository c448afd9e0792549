//! Adds the texts of pages that load after the first one; a page imports this once for itself and all it is made of.

import pages from "../locales/en-pages.json";
import { addMessages } from "./messages";

addMessages(pages);
