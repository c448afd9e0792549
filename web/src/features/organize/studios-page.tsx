//! All studios.

import { NamedThingsPage } from "./named-things";

export const Page = () => <NamedThingsPage kind="studio" />;
