// The OpenFeature SDK for servers with its OFREP provider, as their documentation shows them.
// Only the host and the key are ours. Prints what each evaluation gave, as one JSON object.
import { OpenFeature } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";

const { ATTUNE_HOST: baseUrl, ATTUNE_KEY: key, ATTUNE_VISITOR: visitor } = process.env;

await OpenFeature.setProviderAndWait(
  new OFREPProvider({ baseUrl, headers: [["Authorization", `Bearer ${key}`]] }),
);
const client = OpenFeature.getClient();
const someone = { targetingKey: "node-1", locale: "de-CH", signedUp: new Date(0) };

const found = {
  boolean: await client.getBooleanDetails("demo.enabled", false, someone),
  string: await client.getStringDetails("demo.greeting", "default", someone),
  integer: await client.getNumberDetails("demo.page-size", 1, someone),
  float: await client.getNumberDetails("demo.discount", 0.5, someone),
  object: await client.getObjectDetails("demo.theme", {}, someone),
  placement: await client.getObjectDetails("home.hero", {}, { targetingKey: visitor }),
  segment: await client.getBooleanDetails("segment.blouses", false, { targetingKey: visitor }),
  "of nobody": await client.getObjectDetails("home.hero", {}),
  unknown: await client.getBooleanDetails("no such/flag", true, someone),
  "wrong type": await client.getNumberDetails("demo.greeting", 7, someone),
};
console.log(JSON.stringify(found));
await OpenFeature.close();
