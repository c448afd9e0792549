//! One gallery.

import type { PageProps } from "@/components/feature";
import { ItemsPage } from "./items-page";

export const Page = ({ params }: PageProps) => <ItemsPage key={params.id} kind="gallery" id={params.id ?? ""} />;
