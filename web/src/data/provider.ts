//! The sign-in provider, as far as it is asked by script.

import { ask } from "./session";

/** Where to go to have the account linked to one at the provider; throws an AuthError with the server's reason. */
export async function providerLinkAddress(password: string): Promise<string> {
  const answer = await ask("/auth/provider/link", { password });
  const url: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, "url") : null;
  if (typeof url !== "string") throw new Error("unreadable answer of /auth/provider/link");
  return url;
}
