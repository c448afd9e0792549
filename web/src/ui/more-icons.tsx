//! Pictures that pages after the first one need, in the style of icons.tsx.

import { Icon } from "./icons";

export const ScanIcon = () => (
  <Icon>
    <path d="M20 12a8 8 0 1 1-2.6-5.9" />
    <path d="M20.5 3v4.5H16" />
  </Icon>
);

export const BackIcon = () => (
  <Icon>
    <path d="M14.5 5.5L8 12l6.5 6.5" />
  </Icon>
);

export const DownloadIcon = () => (
  <Icon>
    <path d="M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14" />
  </Icon>
);

export const GearIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="3" />
    <path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M18.4 5.6l-2.2 2.2M7.8 16.2l-2.2 2.2" />
  </Icon>
);

export const PlayIcon = () => (
  <Icon>
    <path d="M7 4.5v15l12-7.5z" fill="currentColor" />
  </Icon>
);

export const PauseIcon = () => (
  <Icon>
    <path d="M8 5v14M16 5v14" strokeWidth="3.4" />
  </Icon>
);

export const VolumeIcon = () => (
  <Icon>
    <path d="M4 9.5v5h3.5L12 19V5L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" />
  </Icon>
);

export const MuteIcon = () => (
  <Icon>
    <path d="M4 9.5v5h3.5L12 19V5L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5" />
  </Icon>
);

export const CaptionsIcon = () => (
  <Icon>
    <rect x="3" y="5" width="18" height="14" rx="2.5" />
    <path d="M10 10.5a2.2 2.2 0 1 0 0 3M17 10.5a2.2 2.2 0 1 0 0 3" />
  </Icon>
);

export const SheetIcon = () => (
  <Icon>
    <rect x="3" y="4" width="18" height="16" rx="2" />
    <path d="M3 9.3h18M3 14.6h18M9 4v16M15 4v16" />
  </Icon>
);

export const PipIcon = () => (
  <Icon>
    <rect x="3" y="5" width="18" height="14" rx="2" />
    <rect x="12" y="11" width="7" height="6" rx="1" fill="currentColor" />
  </Icon>
);

export const TheaterIcon = () => (
  <Icon>
    <rect x="2.5" y="7" width="19" height="10" rx="2" />
  </Icon>
);

export const FullscreenIcon = () => (
  <Icon>
    <path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" />
  </Icon>
);

export const LoopIcon = () => (
  <Icon>
    <path d="M4 11V9.5A3.5 3.5 0 0 1 7.5 6H19M16 3l3 3-3 3M20 13v1.5a3.5 3.5 0 0 1-3.5 3.5H5M8 21l-3-3 3-3" />
  </Icon>
);

export const SkipIcon = () => (
  <Icon>
    <path d="M6 5v14l9-7zM18 5v14" />
  </Icon>
);

export const SkipBackIcon = () => (
  <Icon>
    <path d="M18 5v14l-9-7zM6 5v14" />
  </Icon>
);

export const NextIcon = () => (
  <Icon>
    <path d="M9.5 5.5L16 12l-6.5 6.5" />
  </Icon>
);

export const EditIcon = () => (
  <Icon>
    <path d="M4 20l1-4.5L16 4.5a2 2 0 0 1 3 3L8 18.5z" />
  </Icon>
);

export const StarIcon = () => (
  <Icon>
    <path d="M12 3.5l2.7 5.5 6 .9-4.4 4.2 1.1 6L12 17.2 6.6 20.1l1.1-6L3.3 9.9l6-.9z" />
  </Icon>
);

export const RestoreIcon = () => (
  <Icon>
    <path d="M4 12a8 8 0 1 0 2.6-5.9M3.5 3v4.5H8" />
  </Icon>
);

export const ShareIcon = () => (
  <Icon>
    <path d="M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1" />
  </Icon>
);
