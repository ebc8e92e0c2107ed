"""Creates and deletes clusters and node groups with the stock client's own library.

usage: clusters.py time COUNT | create NAME | delete NAME | nodegroup CLUSTER TYPE | delete-nodegroup CLUSTER
       | nodegroups CLUSTER TYPE PREFIX SIZE...
       (CLUSTER_ROLE, NODE_ROLE and SUBNETS from the environment)
"""
import json
import os
import sys
import time

try:
    from awscli.botocore import session
except ImportError:  # before 1.46 the client did not carry its own copy
    from botocore import session

eks = session.get_session().create_client("eks")


def status(name):
    try:
        return eks.describe_cluster(name=name)["cluster"]["status"]
    except eks.exceptions.ResourceNotFoundException:
        return None


def until(name, wanted):
    give_up = time.monotonic() + 60
    while (seen := status(name)) != wanted:
        if seen == "FAILED" or time.monotonic() > give_up:
            sys.exit(f"{name} is {seen}, not {wanted}")
        time.sleep(0.002)


def create(name):
    started = time.perf_counter()
    network = {"subnetIds": os.environ["SUBNETS"].split(",")}
    eks.create_cluster(name=name, roleArn=os.environ["CLUSTER_ROLE"], resourcesVpcConfig=network)
    until(name, "ACTIVE")
    return (time.perf_counter() - started) * 1000


def delete(name):
    eks.delete_cluster(name=name)
    until(name, None)


def timed(count):
    eks.list_clusters()  # opens the connection
    samples = []
    for number in range(int(count)):
        samples.append(create(f"timed-{number}"))
        delete(f"timed-{number}")
    print(json.dumps(samples))


def nodegroup(cluster, kind):
    eks.list_nodegroups(clusterName=cluster)  # opens the connection
    print(time.time())
    eks.create_nodegroup(
        clusterName=cluster, nodegroupName="bench", nodeRole=os.environ["NODE_ROLE"], instanceTypes=[kind],
        subnets=os.environ["SUBNETS"].split(","), scalingConfig={"minSize": 1, "maxSize": 1, "desiredSize": 1},
    )


def delete_nodegroup(cluster):
    eks.delete_nodegroup(clusterName=cluster, nodegroupName="bench")
    give_up = time.monotonic() + 60
    while eks.list_nodegroups(clusterName=cluster)["nodegroups"]:
        if time.monotonic() > give_up:
            sys.exit("the node group is still there")
        time.sleep(0.05)


def nodegroups(cluster, kind, prefix, *sizes):
    names = [f"{prefix}-{number}" for number in range(len(sizes))]
    started = time.monotonic()
    for name, size in zip(names, map(int, sizes)):
        eks.create_nodegroup(
            clusterName=cluster, nodegroupName=name, nodeRole=os.environ["NODE_ROLE"], instanceTypes=[kind],
            subnets=os.environ["SUBNETS"].split(","), scalingConfig={"minSize": 1, "maxSize": size, "desiredSize": size},
        )
    for name in names:
        while (seen := eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"])["status"] != "ACTIVE":
            if seen["status"] != "CREATING" or time.monotonic() - started > 600:
                sys.exit(f"{name} is {seen['status']}: {seen['health']}")
            time.sleep(0.1)
    print(time.monotonic() - started)


commands = {
    "time": timed, "create": create, "delete": delete, "nodegroup": nodegroup, "delete-nodegroup": delete_nodegroup,
    "nodegroups": nodegroups,
}
commands[sys.argv[1]](*sys.argv[2:])
