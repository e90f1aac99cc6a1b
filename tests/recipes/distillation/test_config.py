# SPDX-License-Identifier: Apache-2.0


from leadline.recipes.distillation.config import DistillationConfig


def test_distillation_config__its_defaults_are_the_paper_s_weights() -> None:
    config = DistillationConfig()
    assert (config.ssi_weight, config.grad_weight, config.teacher_grad_weight) == (1.0, 2.0, 2.0)
    assert config.ignore_largest == 0.1
    assert config.labelled_per_step == config.batch_size
