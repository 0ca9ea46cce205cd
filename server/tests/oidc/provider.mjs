// An OpenID Connect provider on this machine, for the tests of signing in: the certified one that `.ci/setup` installs. People are
// put into it, sign in on its own pages, and agree there.
import http from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, port, client, secret] = process.argv.slice(2);
const installed = createRequire(pathToFileURL(`${folder}/`));
const { default: Provider } = await import(pathToFileURL(installed.resolve("oidc-provider")));

const people = new Map();
const tokens = 100_000_000; // The tests' clock is ahead of ours.
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: client, client_secret: secret, application_type: "native", redirect_uris: ["http://127.0.0.1/sign-in/back"], token_endpoint_auth_method: "client_secret_basic" }],
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  ttl: { IdToken: tokens, AccessToken: tokens, Session: 600, Interaction: 600, Grant: 600, AuthorizationCode: 60 },
});
const answer = provider.callback();
http.createServer((request, response) => {
  if (request.method !== "PUT") return answer(request, response);
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => { people.set(request.url.split("/").pop(), JSON.parse(body)); response.writeHead(204).end(); });
}).listen(Number(port), "127.0.0.1");
