// Segment's library for Node, as its documentation shows it. Only the host and the key are ours.
import { Analytics } from "@segment/analytics-node";

const { ATTUNE_HOST: host, ATTUNE_KEY: writeKey, ATTUNE_VISITOR: userId } = process.env;
const analytics = new Analytics({ writeKey, host, flushAt: 4 });
const refused = [];
analytics.on("error", (error) => refused.push(error));

analytics.identify({ userId, anonymousId: "node-device", traits: { plan: "gold" } });
analytics.track({
  userId,
  event: "Product Viewed",
  properties: { product_id: "C17", category: "blouses", price: 48.5 },
  timestamp: new Date(),
});
analytics.page({ userId, category: "Catalogue", name: "Blouses" });
analytics.screen({ userId, name: "Home" });
analytics.group({ userId, groupId: "group-1", traits: { name: "Friends" } });
analytics.alias({ userId, previousId: "node-before" });
await analytics.closeAndFlush();
console.log(JSON.stringify(refused));
process.exitCode = refused.length ? 1 : 0;
