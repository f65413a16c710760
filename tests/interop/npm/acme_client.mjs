// acme-client of npm: acme_client.mjs DIRECTORY KID HMAC-KEY HTTP-PORT NAME
// Registers with an external account binding, gets by http-01, renews, changes the account's key, revokes, deactivates.
import http from "node:http";
import fs from "node:fs";
import acme from "acme-client";

const [directoryUrl, kid, hmacKey, port, name] = process.argv.slice(2);
const answers = new Map();
http.createServer((request, response) => {
  const answer = answers.get(request.url.split("/").pop());
  response.writeHead(answer ? 200 : 404).end(answer || "");
}).listen(Number(port), "127.0.0.1");

const accountKey = await acme.crypto.createPrivateEcdsaKey();
const client = new acme.Client({ directoryUrl, accountKey, externalAccountBinding: { kid, hmacKey } });

async function order(file) {
  const [key, csr] = await acme.crypto.createCsr({ commonName: name });
  const certificate = await client.auto({
    csr,
    email: "a@example.org",
    termsOfServiceAgreed: true,
    skipChallengeVerification: true,
    challengePriority: ["http-01"],
    challengeCreateFn: async (_, challenge, keyAuthorization) => answers.set(challenge.token, keyAuthorization),
    challengeRemoveFn: async (_, challenge) => answers.delete(challenge.token),
  });
  fs.writeFileSync(file + ".pem", certificate);
  fs.writeFileSync(file + ".key", key);
  return certificate;
}

await order("npm1");
const second = await order("npm2");
const newKey = await acme.crypto.createPrivateRsaKey(3072);
await client.updateAccountKey(newKey);
await client.revokeCertificate(acme.crypto.splitPemChain(second)[0], { reason: 4 });
const account = await client.updateAccount({ status: "deactivated" });
if (account.status !== "deactivated") throw new Error("the account is " + account.status);
process.exit(0);
