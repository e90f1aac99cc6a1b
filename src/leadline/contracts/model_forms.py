# SPDX-License-Identifier: Apache-2.0
"""What a MODEL may be: the sentences that the command line's help and all refusals share leave."""

WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".npz")
EXPORTED_SUFFIXES = (".onnx", ".xml")

MODEL_FORMS = (
    f"a run folder, a checkpoint folder, a folder of transformers, a weights file ({' '.join(WEIGHT_SUFFIXES)}), "
    "hf:org/name[@revision][/file], or random:PRESET"
)
"""For every command that needs a network."""

SERVED_FORMS = f"{MODEL_FORMS}; or an exported {' or '.join(EXPORTED_SUFFIXES)}"
"""For prediction, which needs only what a network would say."""
