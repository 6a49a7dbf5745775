#!/usr/bin/env python3
"""Tests the alerts and the dashboard with a real Prometheus that scrapes a running server.

    test.py PROGRAM

Needs prometheus and promtool. Each expression of the dashboard and of the alerts must be valid, and must name metrics that
the server has.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Only a test that fails waits this long.
PATIENCE = 60


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.2)
    sys.exit(f"{what} did not come in {PATIENCE} s")


class Prometheus:
    def __init__(self, addr):
        self.url = f"http://{addr}"

    def get(self, path, **query):
        url = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                return json.loads(text)
            except ValueError:
                # Prometheus answers in plain text while it starts.
                return {"status": "error", "error": f"{error.code} {text.strip()}"}
        except OSError:
            return {"status": "error", "error": "no answer"}

    def query(self, expression):
        return self.get("/api/v1/query", query=expression)

    def scrapes(self):
        """Returns whether the server was scraped twice, so that there are rates."""
        answer = self.query("count_over_time(audiosocket_ready[1m])")
        results = answer.get("data", {}).get("result", [])
        return bool(results) and int(results[0]["value"][1]) >= 2


def dashboard_expressions():
    dashboard = json.loads((HERE / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            yield f"panel {panel['title']!r}", expression


def alert_expressions(prometheus):
    groups = prometheus.get("/api/v1/rules")["data"]["groups"]
    for group in groups:
        for rule in group["rules"]:
            yield f"alert {rule['name']}", rule["query"]


def check(prometheus):
    problems = []
    known = set(prometheus.get("/api/v1/label/__name__/values")["data"])
    expressions = [*dashboard_expressions(), *alert_expressions(prometheus)]
    for place, expression in expressions:
        answer = prometheus.query(expression)
        if answer["status"] != "success":
            problems.append(f"{place}: {expression}: {answer['error']}")
        metrics = re.findall(r"\b(?:audiosocket|process)_\w+", expression)
        problems += [f"{place}: the server has no metric {name}" for name in metrics if name not in known]
        if place.startswith("panel") and answer["status"] == "success" and not answer["data"]["result"]:
            problems.append(f"{place}: no value for {expression}")
    if len(expressions) < 15:
        problems.append(f"only {len(expressions)} expressions were found")
    return problems


def main():
    program = Path(sys.argv[1]).resolve()
    subprocess.run(["promtool", "check", "rules", HERE / "alerts.yaml"], check=True)
    subprocess.run(["promtool", "test", "rules", HERE / "alerts_test.yaml"], check=True)
    subprocess.run(["promtool", "check", "config", HERE / "prometheus.yaml"], check=True)
    processes = []
    with tempfile.TemporaryDirectory() as directory:
        config = (HERE / "prometheus.yaml").read_text()
        status, listen = f"127.0.0.1:{unused_port()}", f"127.0.0.1:{unused_port()}"
        config = re.sub(r"targets: \[.*\]", f"targets: ['{status}']", config)
        config = config.replace("15s", "1s").replace("alerts.yaml", str(HERE / "alerts.yaml"))
        path = Path(directory) / "prometheus.yaml"
        path.write_text(config)
        try:
            serve = [program, "serve", "echo", "--listen", "127.0.0.1:0", "--status-listen", status]
            processes.append(subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            scraper = ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={directory}/data",
                       f"--web.listen-address={listen}", "--log.level=error"]
            processes.append(subprocess.Popen(scraper))
            prometheus = Prometheus(listen)
            wait_for("a second scrape", prometheus.scrapes)
            wait_for("the alerts", lambda: prometheus.get("/api/v1/rules").get("data", {}).get("groups"))
            problems = check(prometheus)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
    if problems:
        sys.exit("\n".join(problems))
    print("Prometheus scrapes the server, and all expressions have values.")


main()
