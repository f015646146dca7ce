/** The page at `/`: a frame that the script fills. Embedded as text, so that it survives packing. */
export const PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Millrace</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page/style.css">
<script src="/page/script.js" defer></script>
</head>
<body>
<header>
  <h1>Millrace</h1>
  <p id="state" class="state" role="status" data-state="waiting">connecting</p>
  <nav><a class="open" href="/docs">API</a><a href="/health/detailed">Health</a><a class="open" href="/metrics">Metrics</a></nav>
</header>
<main>
  <form id="ask" hidden>
    <label for="key">This server asks for an API key. It stays in this tab only.</label>
    <div><input id="key" type="password" autocomplete="off" required><button>Open</button></div>
    <p id="refusal" role="alert"></p>
  </form>
  <div id="board" hidden>
    <section class="figures" aria-label="Now">
      <div><h2>Waiting</h2><p><output id="depth">0</output></p><small>due and not started</small></div>
      <div><h2>Running</h2><p><output id="active">0</output></p><small><output id="scheduled">0</output> scheduled</small></div>
      <div><h2>Rate</h2><p><output id="rate">0</output><i>/s</i></p><svg id="chart" viewBox="0 0 120 24" preserveAspectRatio="none" aria-hidden="true"><polyline points=""></polyline></svg></div>
      <div><h2>Latency</h2><p><output id="p50">–</output></p><small>median, <output id="p95">–</output> p95, of the newest</small></div>
      <div><h2>Oldest waits</h2><p><output id="age">–</output></p><small>handlers take <output id="mean">–</output> on average</small></div>
    </section>
    <section>
      <h2>Ended <span class="since" id="since"></span></h2>
      <ul id="statuses" class="statuses"></ul>
    </section>
    <section>
      <h2>Types</h2>
      <div class="scroll"><table>
        <thead><tr><th>Type</th><th class="n">Waiting</th><th class="n">Running</th><th class="n">Ended</th><th class="n">Mean</th></tr></thead>
        <tbody id="types"></tbody>
      </table></div>
    </section>
    <section>
      <h2>Newest failures</h2>
      <div class="scroll"><table>
        <thead><tr><th>Ended</th><th>Type</th><th>Command</th><th>Error</th></tr></thead>
        <tbody id="failures"></tbody>
      </table></div>
      <p id="calm" class="calm">None.</p>
    </section>
  </div>
</main>
<noscript>This page needs JavaScript. The same numbers are at /metrics and /commands/stats.</noscript>
</body>
</html>
`;
