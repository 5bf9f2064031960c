"""The flags of the kernel are mapped to standard traits."""

import os_traits
import pytest

from placement.host import traits
from placement.host.kernel import Processor

INTEL, AMD, HYGON = "GenuineIntel", "AuthenticAMD", "HygonGenuine"


def found(flags, vendor=INTEL, has_threads=False):
    names = traits.processor_traits(
        Processor(vendor, frozenset(flags.split()), has_threads)
    )
    return {name.removeprefix("HW_CPU_X86_") for name in names}


@pytest.mark.parametrize(
    ("flags", "vendor", "expected"),
    [
        ("vmx", INTEL, {"VMX", "INTEL_VMX"}),
        ("svm", AMD, {"SVM", "AMD_SVM"}),
        ("svm", HYGON, {"SVM", "AMD_SVM"}),
        ("ssbd", INTEL, {"INTEL_SSBD"}),
        ("ssbd", AMD, {"AMD_SSBD"}),
        ("pcid", INTEL, {"INTEL_PCID"}),
        ("pcid", AMD, set()),
        ("ibpb", AMD, {"AMD_IBPB"}),
        ("ibpb", INTEL, set()),
        ("sev sev_es", AMD, {"AMD_SEV", "AMD_SEV_ES"}),
        ("pni ssse3 sse4_1 sse4_2", INTEL, {"SSE3", "SSSE3", "SSE41", "SSE42"}),
        ("hle rtm", INTEL, {"TSX"}),
        (
            "aes bmi1 fma sha_ni pclmulqdq",
            AMD,
            {"AESNI", "BMI", "FMA3", "SHA", "CLMUL"},
        ),
        ("avx512_vnni avx512f", INTEL, {"AVX512VNNI", "AVX512F"}),
        ("avx512_vbmi2 avx512vbmi", INTEL, {"AVX512VBMI2", "AVX512VBMI"}),
        ("amx_bf16 amx_tile", INTEL, {"AMXBF16", "AMXTILE"}),
        ("fpu lm hypervisor", INTEL, set()),
        ("", INTEL, set()),
    ],
)
def test_flags_are_mapped_by_vendor(flags, vendor, expected):
    assert found(flags, vendor) == expected


def test_avx512_traits_require_avx512f():
    wide = {"AVX512GFNI", "AVX512VAES", "AVX512VPCLMULQDQ"}

    assert found("gfni vaes vpclmulqdq avx2") == {"AVX2"}
    assert found("gfni vaes vpclmulqdq avx512f") == {*wide, "AVX512F"}


def test_threads_are_mapped_to_a_trait():
    assert found("", has_threads=True) == {"HW_CPU_HYPERTHREADING"}


def test_arm_features_are_mapped_to_aarch64_traits():
    assert found("fp asimd sha1 sse unknown", vendor=None) == {
        "HW_CPU_AARCH64_FP",
        "HW_CPU_AARCH64_ASIMD",
        "HW_CPU_AARCH64_SHA1",
    }


def test_a_processor_without_flags_has_no_traits():
    assert traits.processor_traits(Processor()) == frozenset()


def test_traits_unknown_to_os_traits_are_omitted(monkeypatch):
    monkeypatch.setattr(os_traits, "get_traits", lambda prefix: ["HW_CPU_X86_SSE"])

    assert found("sse avx") == {"SSE"}


@pytest.mark.parametrize(
    "table",
    ["_X86_BY_FLAG", "_AVX512_BY_FLAG", "_INTEL_BY_FLAG", "_AMD_BY_FLAG"],
)
def test_every_trait_of_the_tables_is_a_standard_trait(table):
    names = {
        "HW_CPU_X86_" + name
        for names in getattr(traits, table).values()
        for name in names
    }

    assert names <= set(os_traits.get_traits())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HW_CPU_X86_SSE", True),
        ("HW_CPU_AARCH64_FP", True),
        ("HW_CPU_HYPERTHREADING", True),
        ("HW_NUMA_ROOT", False),
        ("HW_GPU_API_VULKAN", False),
        ("CUSTOM_HW_CPU_X86_SSE", False),
    ],
)
def test_is_processor_trait(name, expected):
    assert traits.is_processor_trait(name) is expected
