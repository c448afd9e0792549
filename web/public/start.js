//! Runs before the app's script and while it still loads, without holding up the first paint: sets the chosen theme, asks who is signed in, and
//! asks for what the library begins with. src/data/start.ts takes the answers; a test holds the request to what the app would send. Then it runs
//! the app's pieces, which the build has put into index.html in their order.

// The security policy lets no text become a script or markup. What must be an address of a script, such as that of a player's worker, may be one
// of our own.
window.trustedTypes?.createPolicy("default", {
  createScriptURL(address) {
    if (new URL(address, location.href).origin === location.origin) return address;
    throw new TypeError(`${address} is no script of this server`);
  },
});

try {
  const theme = localStorage.getItem("vitagraph.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; then the system's theme stays.
}

const session = fetch("/auth/state");
// What the library's page would ask for once it is there.
const body =
  "{\"operationName\":\"MediaTiles\",\"query\":\"query MediaTiles($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!], $withTotal: Boolean!) {\\n  media(\\n    first: $first\\n    after: $after\\n    search: $search\\n    filter: $filter\\n    sort: $sort\\n  ) {\\n    totalCount @include(if: $withTotal)\\n    pageInfo {\\n      endCursor\\n      __typename\\n    }\\n    nodes {\\n      __typename\\n      id\\n      ...MediaTile\\n    }\\n    __typename\\n  }\\n}\\nfragment MediaTile on Media {\\n  __typename\\n  id\\n  title\\n  date\\n  rating\\n  isFavorite\\n  thumbnail {\\n    url\\n    thumbhash\\n    srcset {\\n      url\\n      width\\n      __typename\\n    }\\n    __typename\\n  }\\n  ... on Video {\\n    duration\\n    resumePosition\\n    __typename\\n  }\\n  ... on Audio {\\n    duration\\n    resumePosition\\n    __typename\\n  }\\n}\",\"variables\":{\"first\":60,\"sort\":[{\"direction\":\"DESC\",\"field\":\"ADDED_AT\"}],\"withTotal\":true}}";

async function firstWindow() {
  try {
    const answer = await session;
    const { viewer } = await answer.clone().json();
    if (viewer === null || location.pathname !== "/" || location.search !== "") return null;
    const headers = {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json",
      "x-requested-with": "vitagraph",
    };
    return await fetch("/graphql", { method: "POST", headers, body });
  } catch {
    // The app asks again, and says what is wrong.
    return null;
  }
}

window.vitagraphStart = { session, body, first: firstWindow() };

async function runPieces() {
  for (const { href } of document.querySelectorAll('link[rel="modulepreload"]')) {
    await import(href);
    // The next piece gets a task of its own.
    await new Promise((resolve) => setTimeout(resolve));
  }
}

void runPieces();
