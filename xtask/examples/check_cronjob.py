"""Checks the CronJob of docs/examples: YAML that is consistent. Usage: check_cronjob.py FILE

There is no cluster here to apply it to, so this looks for the usual mistakes: a mount without a volume,
a volume that nothing mounts, runs at the same time, and a container that may become root.
"""

import sys

import yaml

with open(sys.argv[1]) as file:
    job = yaml.safe_load(file)

assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob"), "not a CronJob"
assert job["spec"]["concurrencyPolicy"] == "Forbid", "runs may overlap"
assert len(job["spec"]["schedule"].split()) == 5, "the schedule has not five fields"

pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
assert pod["restartPolicy"] in ("Never", "OnFailure"), "a job needs such a policy"
assert pod["securityContext"]["runAsNonRoot"] is True
volumes = {volume["name"] for volume in pod["volumes"]}
containers = pod["initContainers"] + pod["containers"]
for container in containers:
    name = container["name"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == volumes, f"{name}: mounts {mounted}, but the volumes are {volumes}"
    assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
    assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
    assert container["command"][0] in ("dsnap", "sh"), name
secret = next(volume["secret"] for volume in pod["volumes"] if "secret" in volume)
assert secret["defaultMode"] == 0o400, "others can read the password"
