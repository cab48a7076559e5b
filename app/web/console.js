// The console of an operator: the queue and its pace, the kill switch, dead letters, watchers, and the audit log.

import { AuditLog } from "./console/audit.js";
import { DeadLetters } from "./console/dead_letters.js";
import { Demo } from "./console/demo.js";
import { Engine } from "./console/engine.js";
import { KillSwitch } from "./console/kill_switch.js";
import { Plots } from "./console/plots.js";
import { Reconciliation } from "./console/reconciliation.js";
import { runPage } from "./page.js";
import { poll } from "./polling.js";
import { QueueStatus } from "./queue.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const POLL_MS = 2_000;

function consolePage({ api, announce, onChange }) {
  const queueStatus = new QueueStatus(api, onChange);
  const killSwitch = new KillSwitch(api, announce, onChange);
  const plots = new Plots(api, onChange);
  const engine = new Engine(queueStatus, plots);
  const deadLetters = new DeadLetters(api, announce, onChange);
  const reconciliation = new Reconciliation(api, onChange);
  const audit = new AuditLog(api, onChange);
  const demo = new Demo(api, announce, onChange);
  const behindTheDoor = [queueStatus, plots, deadLetters, reconciliation, audit, demo];
  let isOperator = null; // until the engine has answered
  let stopReading;

  /** What an operator's key opens starts once the engine has said that this is one. */
  async function read() {
    await killSwitch.read();
    if (isOperator === null && killSwitch.isOperator !== null) {
      isOperator = killSwitch.isOperator;
      if (isOperator) behindTheDoor.forEach((section) => section.start());
      onChange();
    }
  }

  return {
    start: () => (stopReading = poll(read, POLL_MS)),
    stop() {
      stopReading();
      if (isOperator) behindTheDoor.forEach((section) => section.stop());
    },
    connection() {
      if (killSwitch.problem?.code === "unreachable") return { kind: "offline", label: "Offline", text: "The engine cannot be reached. Asking again …" };
      return isOperator === null ? { kind: "", label: "Connecting", text: null } : { kind: "live", label: "Live", text: null };
    },
    note: () => nothing,
    banner: () => queueStatus.warning(),
    view() {
      if (isOperator === null) return html`<p class="placeholder">${killSwitch.problem?.message ?? "Loading …"}</p>`;
      if (!isOperator) return html`<section class="card sign-in"><h2>For operators only</h2><p>This key belongs to a trader. Sign out, and sign in with an operator's key; or go to <a href=".">the trading page</a>.</p></section>`;
      return html`
        <div class="console-layout">
          <div class="stack">${engine.view()}${killSwitch.view()}${demo.view()}</div>
          <div class="stack">${deadLetters.view()}${reconciliation.view()}${audit.view()}</div>
        </div>`;
    },
  };
}

runPage(consolePage);
