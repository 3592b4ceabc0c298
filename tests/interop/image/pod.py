"""As much of a kubelet as a pod of ours needs: namespaces, a read-only root, volumes, users, and init containers first. What
a container runs, as whom and with which files all comes from the rendered manifest."""
import os
import signal
import subprocess
import time

# Runs inside the container's namespaces: mounts, then the user, then the program.
ENTER = r"""
set -e
image=$1 root=$2 user=$3 group=$4
shift 4
mount --bind "$image" "$root"
while [[ $1 != -- ]]; do
    mount --bind "$1" "$root$2"
    [[ $3 == rw ]] || mount -o remount,bind,ro "$root$2"
    shift 3
done
shift
mount -t proc proc "$root/proc"
mount --bind /dev/urandom "$root/dev/urandom"
mount --bind /dev/null "$root/dev/null"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --root="$root" --wd=/ --setgid="$group" --setuid="$user" -- "$@"
"""


def child_of(pid, deadline_s=20):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError(f"{pid} has no child")


class Container:
    def __init__(self, pod, spec, process, log):
        self.pod, self.spec, self.process, self.log = pod, spec, process, log
        self.name = spec["name"]

    def pid(self):
        """On this machine: the one process below the one that entered the namespaces."""
        return child_of(self.process.pid)

    def status(self):
        with open(f"/proc/{self.pid()}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, timeout_s=60):
        return self.process.wait(timeout_s)


class Pod:
    """`volumes`: name → folder on this machine."""

    def __init__(self, image, spec, volumes, folder, name="sallyport-0"):
        self.image, self.spec, self.volumes, self.folder, self.name = image, spec, volumes, folder, name
        self.shared = spec.get("shareProcessNamespace", False)
        self.containers = []
        os.makedirs(folder)
        self.pause = subprocess.Popen(["unshare", "--pid", "--net", "--fork", "--kill-child", "sleep", "infinity"])
        self.inside = child_of(self.pause.pid)
        self.in_network("ip", "link", "set", "lo", "up")
        self.set_group()

    def set_group(self):
        """What fsGroup with OnRootMismatch does: the root of each volume that it can write."""
        group = self.spec["securityContext"]["fsGroup"]
        for name in ("store",):
            folder = self.volumes[name]
            if os.stat(folder).st_gid != group:
                os.chown(folder, -1, group)
                os.chmod(folder, 0o2775)

    def in_network(self, *command, **settings):
        done = subprocess.run(["nsenter", f"--target={self.inside}", "--net", "--", *command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **settings)
        return done.returncode, done.stdout

    def source(self, mount):
        """The folder that is mounted. The kubelet makes a missing subPath with the mode of the volume's root."""
        volume = self.volumes[mount["name"]]
        folder = os.path.join(volume, mount.get("subPath", ""))
        if not os.path.isdir(folder):
            os.makedirs(folder)
            os.chmod(folder, os.stat(volume).st_mode & 0o777)
        return folder

    def command(self, spec, program):
        """The whole command line that runs a program in a container of that kind."""
        root = os.path.join(self.folder, f"root-{spec['name']}")
        os.makedirs(root, exist_ok=True)
        mounts = []
        for mount in spec.get("volumeMounts", []):
            mounts += [self.source(mount), mount["mountPath"], "ro" if mount.get("readOnly") else "rw"]
        inside = ["bash", "-c", ENTER, "enter", self.image, root, str(spec["securityContext"]["runAsUser"]),
                  str(self.spec["securityContext"]["runAsGroup"]), *mounts, "--", *program]
        enter = ["nsenter", f"--target={self.inside}", "--net"]
        own = ["unshare", "--mount", "--propagation=private"]
        if self.shared:
            return [*enter, "--pid", "--", *own, *inside]
        return [*enter, "--", *own, "--pid", "--fork", "--kill-child", *inside]

    def environment(self, spec):
        known = {"metadata.name": self.name}
        values = {e["name"]: known[e["valueFrom"]["fieldRef"]["fieldPath"]] for e in spec.get("env", [])}
        return {"PATH": os.environ["PATH"], **values}

    def start(self, spec):
        environment = self.environment(spec)
        program = spec["command"] + spec["args"]
        for name, value in environment.items():
            program = [part.replace(f"$({name})", value) for part in program]
        log = os.path.join(self.folder, f"{spec['name']}.log")
        with open(log, "ab") as file:
            process = subprocess.Popen(self.command(spec, program), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                       env=environment)
        container = Container(self, spec, process, log)
        self.containers.append(container)
        return container

    def execute(self, container_name, *program):
        """As `kubectl exec`: (status, output)."""
        spec = next(c for c in self.spec["containers"] if c["name"] == container_name)
        done = subprocess.run(self.command({**spec, "name": "exec"}, list(program)), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def run_init(self):
        for spec in self.spec.get("initContainers", []):
            container = self.start(spec)
            status = container.wait()
            self.containers.remove(container)
            assert status == 0, container.said()
            yield container

    def stop(self, container):
        """SIGTERM: the exit status."""
        os.kill(container.pid(), signal.SIGTERM)
        status = container.wait(self.spec["terminationGracePeriodSeconds"])
        self.containers.remove(container)
        return status

    def end(self):
        for container in self.containers:
            if container.process.poll() is None:
                # Kill the program itself: after the change of users it no longer dies with its parent.
                os.kill(container.pid(), signal.SIGKILL)
                container.process.wait()
        # Process 1 of the shared namespace: all others end with it.
        self.pause.kill()
        self.pause.wait()
