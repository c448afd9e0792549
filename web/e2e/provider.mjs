//! A sign-in provider that speaks OpenID Connect, as far as a browser and a server see one: a page to sign in on, codes, and signed tokens.

import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";
import { freePort } from "./world.mjs";

const client = "vitagraph";

/** Starts it; `environment` tells a server of it, and `who` is the account of whoever signs in there. */
export async function startProvider() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const codes = new Map();
  const provider = { issuer, who: { sub: "248289761001", preferred_username: "lin" }, environment, stop: () => server.close() };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, issuer);
    const json = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    switch (pathname) {
      case "/.well-known/openid-configuration":
        return json(200, { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys` });
      case "/keys":
        return json(200, { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }] });
      case "/authorize": {
        const code = randomBytes(16).toString("hex");
        codes.set(code, { nonce: searchParams.get("nonce"), challenge: searchParams.get("code_challenge") });
        const back = new URL(searchParams.get("redirect_uri"));
        back.search = new URLSearchParams({ code, state: searchParams.get("state") });
        const link = back.href.replaceAll("&", "&amp;");
        return response
          .writeHead(200, { "content-type": "text/html; charset=utf-8" })
          .end(`<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Provider</title><a href="${link}">Go on as ${provider.who.preferred_username}</a>`);
      }
      case "/token":
        return readForm(request).then((form) => {
          const granted = codes.get(form.get("code"));
          codes.delete(form.get("code"));
          const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
          if (granted?.challenge !== challenge) return json(400, { error: "invalid_grant" });
          const now = Math.floor(Date.now() / 1000);
          const claims = { ...provider.who, iss: issuer, aud: client, nonce: granted.nonce, iat: now, exp: now + 300 };
          return json(200, { access_token: "unused", token_type: "Bearer", id_token: token(claims) });
        });
      default:
        return json(404, {});
    }
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return provider;

  function token(claims) {
    const parts = [{ alg: "RS256", kid: "one" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${parts}.${sign("sha256", Buffer.from(parts), privateKey).toString("base64url")}`;
  }

  /** What a server that listens on a port must be told, to be found at `localhost`. */
  function environment(ownPort) {
    return {
      VITAGRAPH_SERVER_PUBLIC_URL: `http://localhost:${ownPort}`,
      VITAGRAPH_EGRESS_ALLOW: `["127.0.0.1:${port}"]`,
      VITAGRAPH_OIDC_ISSUER: issuer,
      VITAGRAPH_OIDC_CLIENT_ID: client,
      VITAGRAPH_OIDC_LABEL: "Harbor sign-in",
    };
  }
}

async function readForm(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
