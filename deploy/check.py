#!/usr/bin/env python3
"""Holds what is in this folder against the schemas of Kubernetes, against itself, and against the server's configuration.

Makes the venv that `requirements.txt` describes and runs itself in it. `--server-bin` is a weft-server binary, which reads
each configuration as a node would: in a StatefulSet under the host name of each pod, given by `unshare` of util-linux.
Where no host names may be given the server is told the node's number instead; that is said, and in CI it is a failure for
whoever may make namespaces.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
# The oldest that is promised, and the newest whose schemas are there.
VERSIONS = ["1.30", "1.37"]
PORTS = {"grpc": 7233, "nodes": 7235, "operations": 7280}
WORKER_PORT = 7281
# Ways to another host name: of root, and of anybody where namespaces of users are allowed.
UNSHARE = [["--uts"], ["--user", "--map-root-user", "--uts"]]


def python() -> Path:
    """The interpreter of a venv that holds exactly what the requirements say; made when it is not there yet."""
    cache = Path(os.environ.get("WEFT_CACHE_DIR") or Path.home() / ".cache" / "weft")
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    directory = cache / f"deploy-python-{key}"
    interpreter, done = directory / "bin" / "python", directory / "complete"
    if not done.exists():
        venv.create(directory, clear=True, with_pip=True)
        install = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--no-deps", "-r", REQUIREMENTS], check=True)
        done.touch()
    return interpreter


def may_make_namespaces() -> bool:
    """Whether this process has CAP_SYS_ADMIN."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, flags=re.M)
    return found is not None and bool(int(found[1], 16) >> 21 & 1)



class Check:
    """What was looked at, and what was wrong."""

    def __init__(self, server: Path | None) -> None:
        self.server = server
        self.hosts = unshare() if server else None
        self.passed = 0
        self.failed: list[str] = []
        self.left_out: list[str] = []
        if server and self.hosts is None:
            self.left_out.append("pods take their numbers from their names: no host names can be given here (unshare --uts)")

    def that(self, holds: bool, otherwise: str) -> None:
        if holds:
            self.passed += 1
        else:
            self.failed.append(otherwise)

    def equal(self, what: str, found: object, expected: object) -> None:
        self.that(found == expected, f"{what} is {found!r} and should be {expected!r}")

    def accepted(self, what: str, args: list[str], environment: dict[str, str]) -> str:
        """What the server makes of a configuration."""
        if self.server is None:
            return ""
        ran = self.read([self.server, "--print-config", *args], environment)
        self.that(ran.returncode == 0, f"{what}: {ran.stderr.strip()}")
        return ran.stdout

    def read(self, command: list, environment: dict[str, str]) -> subprocess.CompletedProcess:
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    def pod(self, name: str, number: int, config: str, environment: dict[str, str]) -> subprocess.CompletedProcess:
        """What the server makes of a configuration in the pod of that name; it is told its number where it can have no name."""
        command = [self.server, "--print-config", "--config", config]
        if self.hosts is None:
            return self.read([*command, "--node", str(number)], environment)
        return self.read([*self.hosts, sys.executable, __file__, "--as-host", name, *command], environment)


def unshare() -> list[str] | None:
    """What a command is begun with to have a host name of its own; none if that is not allowed here."""
    program = shutil.which("unshare")
    ways = [[program, *way] for way in UNSHARE] if program else []
    test = [sys.executable, __file__, "--as-host", "weft-0", sys.executable, "-c", ""]
    return next((way for way in ways if subprocess.run([*way, *test], capture_output=True).returncode == 0), None)


def as_host(name: str, command: list[str]) -> None:
    """Becomes a command under another host name, in a namespace of its own."""
    socket.sethostname(name)
    os.execv(command[0], command)


def main() -> int:
    if sys.argv[1:2] == ["--as-host"]:
        as_host(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description="Checks the files for deployment.")
    parser.add_argument("--server-bin", type=Path, help="a weft-server binary")
    parser.add_argument("--wfctl-bin", type=Path, help="not used")
    parser.add_argument("--here", action="store_true", help="this interpreter has what is needed")
    options = parser.parse_args()
    if not options.here:
        return subprocess.run([python(), __file__, *sys.argv[1:], "--here"]).returncode
    check = Check(options.server_bin and options.server_bin.resolve(strict=True))
    kubernetes(check)
    compose(check)
    image(check)
    for complaint in check.failed:
        print(f"deploy: {complaint}")
    for missing in check.left_out:
        print(f"deploy: left out: {missing}")
    print(f"{check.passed} passed, {len(check.failed)} failed, {len(check.left_out)} left out")
    return 1 if check.failed or (check.left_out and "CI" in os.environ and may_make_namespaces()) else 0


def kubernetes(check: Check) -> None:
    import kubernetes_validate
    import yaml

    found: dict[tuple[str, str], dict] = {}
    # The worker has a folder of its own: whoever applies this one does not apply that.
    for path in sorted((HERE / "kubernetes").rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            what = f"{path.name}: {document['kind']} {document['metadata']['name']}"
            check.that((document["kind"], document["metadata"]["name"]) not in found, f"{what} is there twice")
            found[document["kind"], document["metadata"]["name"]] = document
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                    check.passed += 1
                except kubernetes_validate.ValidationError as error:
                    check.failed.append(f"{what}, Kubernetes {version}: {error.message} at {list(error.path)}")
    # What is not in order by itself is not held against the rest.
    if not check.failed:
        stateful_set(check, found)
        configuration(check, found)
        worker(check, found)


def stateful_set(check: Check, found: dict[tuple[str, str], dict]) -> None:
    """That the parts name each other rightly: no schema knows that."""
    spec = found["StatefulSet", "weft"]["spec"]
    pod, labels = spec["template"]["spec"], spec["template"]["metadata"]["labels"]
    container = pod["containers"][0]
    check.equal("the ports of the container", {port["name"]: port["containerPort"] for port in container["ports"]}, PORTS)
    check.equal("the pods' selector", spec["selector"]["matchLabels"], labels)
    headless = found["Service", spec["serviceName"]]["spec"]
    check.equal("the headless service's address", headless["clusterIP"], "None")
    check.that(headless.get("publishNotReadyAddresses") is True, "nodes that are not ready yet cannot find each other")
    check.equal("the pods start", spec.get("podManagementPolicy"), "Parallel")
    for name in ["weft", spec["serviceName"]]:
        service = found["Service", name]["spec"]
        check.equal(f"the selector of service {name}", service["selector"], labels)
        for port in service["ports"]:
            check.equal(f"port {port['name']} of service {name}", port["port"], PORTS[port["targetPort"]])
    budget = found["PodDisruptionBudget", "weft"]["spec"]
    check.equal("whom the disruption budget protects", budget["selector"]["matchLabels"], labels)
    majority = spec["replicas"] // 2 + 1
    check.that(spec["replicas"] - budget["maxUnavailable"] >= majority, "the disruption budget lets a majority go")
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ["startup", "liveness", "readiness"]}
    check.equal("the probes", {kind: probe["path"] for kind, probe in probes.items()},
                {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"})
    check.equal("the probes' port", {probe["port"] for probe in probes.values()}, {"operations"})
    check.that(pod["securityContext"]["runAsNonRoot"] is True, "the server runs as root")
    apart = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    check.equal("what pods do not share", [term["topologyKey"] for term in apart], ["kubernetes.io/hostname"])
    for term in [*apart, *pod["topologySpreadConstraints"]]:
        check.equal(f"whom {term['topologyKey']} is about", term["labelSelector"]["matchLabels"], labels)
    check.equal("when the image is pulled", container.get("imagePullPolicy"), "IfNotPresent")
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    check.equal("the volumes", {mount["name"] for mount in container["volumeMounts"]}, volumes)


def configuration(check: Check, found: dict[tuple[str, str], dict]) -> None:
    """That the server takes the configuration, and that it fits the StatefulSet."""
    import tomllib

    spec = found["StatefulSet", "weft"]["spec"]
    text = found["ConfigMap", "weft"]["data"]["weft.toml"]
    read = tomllib.loads(text)
    service = spec["serviceName"]
    members = {str(index + 1): f"weft-{index}.{service}:7235" for index in range(spec["replicas"])}
    check.equal("the members", read["cluster"]["members"], members)
    listening = {"grpc": read["server"]["listen"], "nodes": read["cluster"]["listen"],
                 "operations": read["server"]["metrics_listen"]}
    check.equal("what is listened on", listening, {name: f"0.0.0.0:{port}" for name, port in PORTS.items()})
    mounts = {mount["name"]: mount["mountPath"] for mount in spec["template"]["spec"]["containers"][0]["volumeMounts"]}
    check.that(read["server"]["data_dir"].startswith(mounts["data"] + "/"), "the data is not on the volume")
    for section, mount in [(read["tls"], "tls"), (read["cluster"]["tls"], "nodes-tls")]:
        for key, path in section.items():
            check.that(path.startswith(mounts[mount] + "/"), f"{key} = {path} is not on the volume {mount}")
    if check.server is not None:
        pods(check, text, spec)


def pods(check: Check, text: str, spec: dict) -> None:
    """That each pod is its node, by its name, and that one more is a node only where it joins."""
    founders, service = spec["replicas"], spec["serviceName"]
    # As weft.toml says it in a comment.
    joining = re.sub(r"^\[cluster\.members\]\n(?:\d.*\n)*", "", text, flags=re.M).replace("# join = ", "join = ")
    check.that("\njoin = " in joining and "\n[cluster.members]" not in joining, "weft.toml says nothing of pods that join")
    for how, config, allowed in [("with members", text, founders), ("joining", joining, founders + 1)]:
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(config)
            file.flush()
            for index in range(founders + 1):
                name = f"weft-{index}"
                environment = pod_environment(name, spec["template"]["spec"]["containers"][0])
                ran = check.pod(name, index + 1, file.name, environment)
                if index < allowed:
                    check.that(ran.returncode == 0, f"weft.toml {how}, {name}: {ran.stderr.strip()}")
                    advertised = f'advertise = "{name}.{service}:7235"'
                    check.that(advertised in ran.stdout, f"{name} does not say that it is at {name}.{service}")
                else:
                    # The number that it is refused by says how the name was read.
                    refused = f"node {index + 1} is not among the members"
                    check.that(refused in ran.stderr, f"weft.toml {how}, {name}: not refused, or not as node {index + 1}")


def pod_environment(name: str, container: dict) -> dict[str, str]:
    """The environment of the container in the pod of that name."""
    environment: dict[str, str] = {}
    for entry in container["env"]:
        if "value" in entry:
            environment[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda found: environment[found[1]], entry["value"])
        else:
            assert entry["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name", entry
            environment[entry["name"]] = name
    return environment


def worker(check: Check, found: dict[tuple[str, str], dict]) -> None:
    """That the worker's parts fit each other, and what its program and its client read."""
    spec = found["Deployment", "weft-worker"]["spec"]
    pod, labels = spec["template"]["spec"], spec["template"]["metadata"]["labels"]
    container = pod["containers"][0]
    check.equal("the workers' selector", spec["selector"]["matchLabels"], labels)
    policy = found["NetworkPolicy", "weft-worker"]["spec"]
    check.equal("whom the workers' policy is for", policy["podSelector"]["matchLabels"], labels)
    check.equal("the ports of the worker", {port["name"]: port["containerPort"] for port in container["ports"]},
                {"operations": WORKER_PORT})
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ["liveness", "readiness"]}
    check.equal("the worker's probes", {kind: (probe["path"], probe["port"]) for kind, probe in probes.items()},
                {"liveness": ("/livez", "operations"), "readiness": ("/readyz", "operations")})
    check.that(pod["securityContext"]["runAsNonRoot"] is True, "the worker runs as root")
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    check.equal("the worker's volumes", set(mounts), {volume["name"] for volume in pod["volumes"]})
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    check.equal("where the worker listens", environment["WEFT_WORKER_LISTEN"], f"0.0.0.0:{WORKER_PORT}")
    check.equal("the worker's folder", environment["WEFT_WORKER_FOLDER"], mounts["folder"])
    address = environment["WEFT_ADDRESS"].removeprefix("https://")
    ports = {port["port"] for port in found["Service", "weft"]["spec"]["ports"]}
    check.that(address in {f"weft:{port}" for port in ports}, f"the worker calls {address}, which is no service")
    sources = [HERE.parent / "crates" / "worker" / "src" / "main.rs", *(HERE.parent / "crates/client/src").rglob("*.rs")]
    read = set(re.findall(r"(?:WEFT|TEMPORAL)_[A-Z_]+", "".join(path.read_text() for path in sources)))
    for name, value in environment.items():
        check.that(name in read, f"the worker's {name} changes nothing: no program reads it")
        inside = not value.startswith("/etc/weft/tls") or value.startswith(mounts["tls"] + "/")
        check.that(inside, f"{name} = {value} is not on the volume tls")


def compose(check: Check) -> None:
    import yaml

    read = yaml.safe_load((HERE / "compose.yaml").read_text())
    services = read["services"]
    members = ",".join(f"{index}={name}:7235" for index, name in enumerate(services, 1))
    for index, (name, service) in enumerate(services.items(), 1):
        environment = service["environment"]
        check.equal(f"the number of {name}", environment["WEFT_NODE"], str(index))
        check.equal(f"the members of {name}", environment["WEFT_MEMBERS"], members)
        inside = {int(port.rsplit(":", 1)[1]) for port in service["ports"]}
        check.equal(f"the ports of {name}", inside, {PORTS["grpc"], PORTS["operations"]})
        check.that(all(port.startswith("127.0.0.1:") for port in service["ports"]), f"{name} is open to other machines")
        volume = service["volumes"][0].split(":")[0]
        check.that(volume in read["volumes"], f"{name} has the volume {volume}, which is not declared")
        printed = check.accepted(f"compose: {name}", [], {**environment, "WEFT_DATA_DIR": "/var/lib/weft/data"})
        # A variable that is not known would change nothing, unseen.
        for key, value in environment.items():
            known = check.server is None or key in ["WEFT_MEMBERS", "WEFT_INSECURE_BIND"] or value in printed
            check.that(known, f"compose: {key}={value} changes nothing")
        check.that(check.server is None or f"{index} = \"{name}:7235\"" in printed, f"{name} is not a member")


def image(check: Check) -> None:
    text = (HERE / "Containerfile").read_text()
    check.equal("the ports of the image", re.findall(r"^EXPOSE (.*)$", text, re.M), ["7233 7235 7280"])
    last = text.rsplit("\nFROM ", 1)[1]
    check.that(last.startswith("scratch"), "the image has more than the binaries in it")
    check.that(re.search(r"^USER (?!0)\d+:(?!0)\d+$", last, re.M) is not None, "the image runs as root")
    worker = (HERE / "worker.Containerfile").read_text().rsplit("\nFROM ", 1)[1]
    check.equal("the ports of the worker's image", re.findall(r"^EXPOSE (.*)$", worker, re.M), [str(WORKER_PORT)])
    check.that(re.search(r"^USER (?!0)\d+:(?!0)\d+$", worker, re.M) is not None, "the worker's image runs as root")


if __name__ == "__main__":
    sys.exit(main())
