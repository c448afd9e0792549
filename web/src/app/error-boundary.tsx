//! Keeps one broken page from taking the app with it.

import { Component, type ReactNode } from "react";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { WarnIcon } from "@/ui/icons";

interface ErrorBoundaryProps {
  readonly children: ReactNode;
}

// React has error boundaries as classes only.
export class ErrorBoundary extends Component<ErrorBoundaryProps, { readonly hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    if (!this.state.hasFailed) return this.props.children;
    return (
      <Empty title={t("app.crash.title")} icon={<WarnIcon />} isAlert>
        <p>{t("app.crash.text")}</p>
        <Button onClick={() => location.reload()}>{t("app.reload")}</Button>
      </Empty>
    );
  }
}
