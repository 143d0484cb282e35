// k6: POST at a constant rate, however slow the answers; print the results as a JSON line.
import exec from "k6/execution";
import http from "k6/http";

const bodies = open(__ENV.BODIES).trimEnd().split("\n");
const headers = { "Content-Type": "application/json" };

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ["p(50)", "p(99)"],
  scenarios: {
    open: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE),
      timeUnit: "1s",
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: 64,
    },
  },
};

export default function () {
  const body = bodies[exec.scenario.iterationInTest % bodies.length];
  http.post(__ENV.ADDRESS, body, { headers });
}

export function handleSummary({ metrics }) {
  const took = metrics.http_req_duration.values;
  const dropped = metrics.dropped_iterations;
  const measured = {
    requests: metrics.http_reqs.values.count,
    p50_ms: took["p(50)"],
    p99_ms: took["p(99)"],
    failed: metrics.http_req_failed.values.passes,
    dropped: dropped ? dropped.values.count : 0,
  };
  return { stdout: `\n${JSON.stringify(measured)}\n` };
}
