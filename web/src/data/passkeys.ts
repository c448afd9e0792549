//! Passkeys: what the server asks and the browser answers. Nothing here draws.

import { ask } from "./session";

/** Whether this browser can use passkeys here: not over plain HTTP, except on this very machine. */
export function knowsPasskeys(): boolean {
  return window.isSecureContext && "PublicKeyCredential" in window;
}

/** Has the browser make a passkey, and the server keep it; throws an AuthError with the server's reason. */
export async function makePasskey(name: string, password: string): Promise<void> {
  const asked = await ask("/auth/passkeys/options", password === "" ? {} : { password });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked as PublicKeyCredentialCreationOptionsJSON);
  const made = await navigator.credentials.create({ publicKey });
  if (!(made instanceof PublicKeyCredential) || !(made.response instanceof AuthenticatorAttestationResponse)) return;
  await ask("/auth/passkeys", {
    name,
    clientData: base64url(made.response.clientDataJSON),
    attestation: base64url(made.response.attestationObject),
  });
}

/** Has the browser use a passkey of this host, and signs in by it; throws an AuthError with the server's reason. */
export async function signInByPasskey(): Promise<void> {
  const asked = await ask("/auth/passkey/options", {});
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked as PublicKeyCredentialRequestOptionsJSON);
  const used = await navigator.credentials.get({ publicKey });
  if (!(used instanceof PublicKeyCredential) || !(used.response instanceof AuthenticatorAssertionResponse)) return;
  await ask("/auth/passkey/sign-in", {
    id: base64url(used.rawId),
    clientData: base64url(used.response.clientDataJSON),
    authenticatorData: base64url(used.response.authenticatorData),
    signature: base64url(used.response.signature),
  });
}

function base64url(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
