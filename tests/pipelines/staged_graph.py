"""Runs a staged `pipeline.pb` as a worker would, with the staged package and nothing of the checkout.

Started with -S -E, so that neither an editable install nor PYTHONPATH brings the checkout in: the arguments are the
graph, the folder that the staged package was installed into, and the folders of its dependencies. Prints where the
jobs' modules came from.
"""

import sys

graph, installed, *dependencies = sys.argv[1:]
sys.path[:1] = [installed]
sys.path += dependencies

from apache_beam.options.pipeline_options import PipelineOptions  # noqa: E402
from apache_beam.portability.api import beam_runner_api_pb2  # noqa: E402
from apache_beam.runners.portability.fn_api_runner import FnApiRunner  # noqa: E402
from apache_beam.runners.runner import PipelineState  # noqa: E402

pipeline = beam_runner_api_pb2.Pipeline()
with open(graph, "rb") as file:
    pipeline.ParseFromString(file.read())
for environment in pipeline.components.environments.values():
    # Dataflow would start the container that stands here, install the package and run the same entry point in it.
    environment.urn, environment.payload = "beam:env:embedded_python:v1", b""
result = FnApiRunner().run_via_runner_api(pipeline, PipelineOptions([]))
assert result.wait_until_finish() in (None, PipelineState.DONE), result.state
rooms = {name.split(".")[0] for name in sys.modules} & {"schemas", "miners", "pipelines", "train"}
print(*sorted(str(sys.modules[room].__file__ or next(iter(sys.modules[room].__path__))) for room in rooms), sep="\n")
