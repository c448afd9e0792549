//! One collection.

import type { PageProps } from "@/components/feature";
import { ItemsPage } from "./items-page";

export const Page = ({ params }: PageProps) => <ItemsPage key={params.id} kind="collection" id={params.id ?? ""} />;
