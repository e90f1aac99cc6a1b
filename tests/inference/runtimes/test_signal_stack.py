# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

from leadline.inference.runtimes.signal_stack import signal_stack, signal_stack_kept

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stack_t as Linux lays it out")

_COMPILE_AND_FREE = """
import faulthandler, gc
faulthandler.enable()  # gives the main thread an alternate stack
import numpy, openvino
from openvino import opset13
from leadline.inference.runtimes.signal_stack import signal_stack, signal_stack_kept
before = signal_stack()
data = opset13.parameter([1, 3, 8, 8])
weights = numpy.ones((4, 3, 3, 3), numpy.float32)
convolved = opset13.convolution(data, weights, [1, 1], [0, 0], [0, 0], [1, 1])
core, graph, kept = openvino.Core(), openvino.Model([convolved], [data]), []
for _ in range(2):
    with signal_stack_kept():
        kept.append(core.compile_model(graph, "CPU"))
    print(signal_stack() == before)
del kept[0]
gc.collect()
print(signal_stack() == before)
"""


def test_signal_stack_kept__openvino_leaves_the_stack_of_this_thread_alone() -> None:
    pytest.importorskip("openvino")
    done = subprocess.run([sys.executable, "-c", _COMPILE_AND_FREE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]


def test_signal_stack_kept__gives_back_what_was_there_after_an_error_too() -> None:
    before = signal_stack()
    with pytest.raises(ValueError, match="inside"), signal_stack_kept():
        raise ValueError("inside")
    assert signal_stack() == before
