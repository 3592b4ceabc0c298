"""An overlay's pods on this machine: each container's program with its own arguments, but folders and addresses of this machine."""
import atexit
import functools
import os
import re
import signal
import subprocess

import render
import scene
from properties import Rendered, program
from render import pod_template
from scene import free_port, listens

TLS_FILES = ("tls.crt", "tls.key", "ca.crt")
SECONDS = 60  # that anything may take
wait_for = functools.partial(scene.wait_for, seconds=SECONDS)


class Process:
    def __init__(self, log, command, environment=None):
        self.log = log
        with open(log, "ab") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                            env={**os.environ, **(environment or {})})
        atexit.register(self.process.kill)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


class Certificates:
    """A CA, and a folder as a Secret for each name."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.openssl("req", "-x509", *self.new_key("ca"), "-days", "2", "-subj", "/CN=ca", "-out", f"{folder}/ca.crt")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, stderr=subprocess.DEVNULL)

    def new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{self.folder}/{name}.key")

    def secret(self, name, *names):
        made = os.path.join(self.folder, name)
        os.makedirs(made)
        with open(f"{made}/extensions", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={','.join(names)}\n")
        self.openssl("req", *self.new_key(name), "-subj", f"/CN={name}", "-out", f"{made}/request")
        self.openssl("x509", "-req", "-in", f"{made}/request", "-CA", f"{self.folder}/ca.crt", "-CAkey", f"{self.folder}/ca.key",
                     "-days", "2", "-extfile", f"{made}/extensions", "-out", f"{made}/tls.crt")
        os.rename(f"{self.folder}/{name}.key", f"{made}/tls.key")
        os.link(f"{self.folder}/ca.crt", f"{made}/ca.crt")
        return made


class Installation:
    """`ports` tells where a container's port of the manifest is: (component, container, port) → port of this machine."""

    def __init__(self, overlay, build, work, certificates, source=None):
        self.overlay, self.build, self.source = overlay, build, source
        self.work = os.path.join(work, overlay)
        os.makedirs(self.work)
        self.rendered = Rendered(overlay, render.by_hand(render.with_components(overlay, self.work)))
        self.certificates = certificates
        self.ports, self.processes = {}, {}
        callers = next(d for d in self.rendered.of_kind("ConfigMap") if d["metadata"]["name"] == "sallyport-callers")
        os.makedirs(os.path.join(self.work, "callers"))
        for name, text in callers["data"].items():
            with open(os.path.join(self.work, "callers", name), "w", encoding="utf-8") as file:
                file.write(text)
        for template, container in self.containers():
            for port in container["ports"]:
                self.ports[(self.component(template), container["name"], port["containerPort"])] = free_port()

    def component(self, template):
        return template["metadata"]["labels"]["app.kubernetes.io/component"]

    def containers(self):
        for workload in self.rendered.workloads:
            template = pod_template(workload)
            for container in template["spec"]["containers"]:
                yield template, container

    def port(self, name, port):
        return next(here for (_, container, there), here in self.ports.items() if (container, there) == (name, port))

    def argument(self, template, container, text):
        component = self.component(template)
        volumes = {v["name"]: v.get("secret", {}).get("secretName") or v.get("configMap", {}).get("name") for v in template["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            place = {"store": f"{self.work}/{component}", "callers": f"{self.work}/callers"}.get(mount["name"])
            place = place or os.path.join(self.certificates, volumes[mount["name"]])
            text = text.replace(mount["mountPath"] + "/", place + "/")
        text = re.sub(r"0\.0\.0\.0:(\d+)", lambda m: f"127.0.0.1:{self.ports[(component, container['name'], int(m[1]))]}", text)
        text = re.sub(r"--report-to=\S+", lambda _: f"--report-to=127.0.0.1:{self.port('sallyport-sync', 7401)}", text)
        text = text.replace("--listen=127.0.0.1:7401", "--listen=127.0.0.1:0")
        return text.replace("$(POD_NAME)", f"{self.overlay}-{component}")

    def start_container(self, template, container, *more):
        os.makedirs(os.path.join(self.work, self.component(template)), exist_ok=True)
        arguments = [self.argument(template, container, text) for text in container["args"]]
        key = (self.component(template), container["name"])
        self.processes[key] = Process(os.path.join(self.work, "-".join(key) + ".log"),
                                      [os.path.join(self.build, program(container)), *arguments, *more],
                                      {"SALLYPORT_SYNC_SOURCE": self.source} if self.source else None)

    def start(self, **more):
        """`more`: options by container, with _ for -."""
        for template, container in self.containers():
            self.start_container(template, container, *more.get(container["name"].replace("-", "_"), []))
        wait_for(f"the programs of {self.overlay}: see {self.work}/*.log", lambda: all(listens(port) for port in self.ports.values()))

    def cli(self, key, *arguments, expected=0):
        name, server = ("sallyport", 7400) if arguments[0] == "check" else ("sallyport-admin", 7401)
        client = os.path.join(self.certificates, "sallyport-client")
        environment = {"SALLYPORT_SERVER": f"127.0.0.1:{self.port('sallyportd', 7400)}", "SALLYPORT_TLS_NAME": name,
                       "SALLYPORT_ADMIN": f"127.0.0.1:{self.port('sallyport-sync', 7401)}", "SALLYPORT_KEY_FILE": key,
                       "SALLYPORT_TLS_CA": f"{client}/ca.crt", "SALLYPORT_TLS_CERT": f"{client}/tls.crt",
                       "SALLYPORT_TLS_KEY": f"{client}/tls.key"}
        done = subprocess.run([os.path.join(self.build, "sallyport"), *arguments], env={**os.environ, **environment},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=SECONDS)
        assert done.returncode == expected, f"sallyport {' '.join(arguments)} of {server}: {done.returncode}: {done.stdout}"
        return done.stdout

    def end(self):
        return [process.end() for process in self.processes.values()]
