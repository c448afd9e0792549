//! All people.

import { NamedThingsPage } from "./named-things";

export const Page = () => <NamedThingsPage kind="people" />;
