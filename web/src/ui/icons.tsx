//! The pictures of the first page, drawn on a 24 grid in the text's color. They are decoration: the words are beside them.

import type { ReactNode } from "react";

/** The frame of every icon. */
export function Icon({ children }: { readonly children: ReactNode }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width="1.25em"
      height="1.25em"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

/** The drawing of icon.svg in the frame, which index.html has as well. */
export const LogoIcon = () => (
  <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" fill="#2a2f8f" />
    <path d="M8 9l7 15L25 8" fill="none" stroke="#fff" strokeWidth="3.5" strokeLinecap="round" strokeLinejoin="round" />
    <circle cx="25" cy="8" r="3" fill="#7fe3c4" />
  </svg>
);

export const UploadIcon = () => (
  <Icon>
    <path d="M12 16V4m0 0L7.5 8.5M12 4l4.5 4.5" />
    <path d="M4 16v3a1.5 1.5 0 0 0 1.5 1.5h13A1.5 1.5 0 0 0 20 19v-3" />
  </Icon>
);

export const VideoIcon = () => (
  <Icon>
    <rect x="3" y="5" width="18" height="14" rx="2.5" />
    <path d="M10 9.2v5.6l4.8-2.8z" />
  </Icon>
);

export const AudioIcon = () => (
  <Icon>
    <path d="M9 18V6l10-2v12" />
    <circle cx="6.5" cy="18" r="2.5" />
    <circle cx="16.5" cy="16" r="2.5" />
  </Icon>
);

export const ImageIcon = () => (
  <Icon>
    <rect x="3" y="4" width="18" height="16" rx="2.5" />
    <circle cx="8.5" cy="9.5" r="1.6" />
    <path d="M4 17.5l5-4.5 3.5 3 3.5-3.5 4.5 4.5" />
  </Icon>
);

export const FolderIcon = () => (
  <Icon>
    <path d="M3 7.5A2.5 2.5 0 0 1 5.5 5H9l2 2.5h7.5A2.5 2.5 0 0 1 21 10v7a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 17z" />
  </Icon>
);

export const PlusIcon = () => (
  <Icon>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);

export const SearchIcon = () => (
  <Icon>
    <circle cx="11" cy="11" r="6.5" />
    <path d="M16 16l4.5 4.5" />
  </Icon>
);

export const WarnIcon = () => (
  <Icon>
    <path d="M12 4l9 16H3z" />
    <path d="M12 10v4.5M12 17.4v.1" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);

export const JobsIcon = () => (
  <Icon>
    <path d="M4 7h10M4 12h16M4 17h7" />
  </Icon>
);

export const CheckIcon = () => (
  <Icon>
    <path d="M5 12.5l4.5 4.5L19 7.5" />
  </Icon>
);

export const HeartIcon = () => (
  <Icon>
    <path d="M12 20s-7.5-4.6-7.5-10A4.3 4.3 0 0 1 12 7.2 4.3 4.3 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z" />
  </Icon>
);

export const TagIcon = () => (
  <Icon>
    <path d="M4 4h7l9 9-7 7-9-9z" />
    <circle cx="8.2" cy="8.2" r="1.2" />
  </Icon>
);

export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8" r="3.5" />
    <path d="M5 20c.6-3.9 3.4-6 7-6s6.4 2.1 7 6" />
  </Icon>
);

export const StudioIcon = () => (
  <Icon>
    <path d="M4 20V8l8-4 8 4v12M4 20h16M9 20v-5h6v5" />
  </Icon>
);

export const TrashIcon = () => (
  <Icon>
    <path d="M5 7h14M9.5 7V4.5h5V7M7 7l.8 13h8.4L17 7" />
  </Icon>
);

export const TwinsIcon = () => (
  <Icon>
    <rect x="4" y="8" width="11" height="12" rx="2" />
    <path d="M9 8V6a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-3" />
  </Icon>
);

export const GridIcon = () => (
  <Icon>
    <path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z" />
  </Icon>
);

export const WallIcon = () => (
  <Icon>
    <path d="M3 4h18v16H3zM3 12h18M9 4v8M15 12v8" />
  </Icon>
);

export const TableIcon = () => (
  <Icon>
    <path d="M3 6h18M3 12h18M3 18h18" />
  </Icon>
);

export const FilterIcon = () => (
  <Icon>
    <path d="M3 5h18l-7 8.5V20l-4-2v-4.5z" />
  </Icon>
);

export const AdminIcon = () => (
  <Icon>
    <path d="M4 19V11M10 19V5M16 19v-6M21 19H3" />
  </Icon>
);

export const MoreIcon = () => (
  <Icon>
    <path d="M5 12h.01M12 12h.01M19 12h.01" strokeWidth="3" />
  </Icon>
);

export const SortIcon = () => (
  <Icon>
    <path d="M7 5v14M7 19l-3-3M7 19l3-3M17 19V5M17 5l-3 3M17 5l3 3" />
  </Icon>
);

export const CollectionIcon = () => (
  <Icon>
    <rect x="3" y="8" width="18" height="12" rx="2" />
    <path d="M6 5h12M8 2.5h8" />
  </Icon>
);

export const ChartIcon = () => (
  <Icon>
    <path d="M4 6h16M4 12h11M4 18h6" strokeWidth="3" />
  </Icon>
);

export const BookmarkIcon = () => (
  <Icon>
    <path d="M6.5 4h11v16l-5.5-4-5.5 4z" />
  </Icon>
);
