"""The standard traits of a processor, from the flags of the kernel."""

from collections.abc import Mapping

import os_traits

from placement.host.kernel import Processor

NUMA_ROOT = "HW_NUMA_ROOT"
HYPERTHREADING = "HW_CPU_HYPERTHREADING"

_X86 = "HW_CPU_X86_"
_AARCH64 = "HW_CPU_AARCH64_"
_INTEL = "GenuineIntel"
_AMD = ("AuthenticAMD", "HygonGenuine")

# Traits by flag, without their prefix.
_TraitsByFlag = Mapping[str, tuple[str, ...]]

_X86_BY_FLAG: _TraitsByFlag = {
    "3dnow": ("3DNOW",),
    "abm": ("ABM",),
    "aes": ("AESNI",),
    "amx_bf16": ("AMXBF16",),
    "amx_int8": ("AMXINT8",),
    "amx_tile": ("AMXTILE",),
    "avx": ("AVX",),
    "avx2": ("AVX2",),
    "avx512_bitalg": ("AVX512BITALG",),
    "avx512_vbmi2": ("AVX512VBMI2",),
    "avx512_vnni": ("AVX512VNNI",),
    "avx512_vpopcntdq": ("AVX512VPOPCNTDQ",),
    "avx512bw": ("AVX512BW",),
    "avx512cd": ("AVX512CD",),
    "avx512dq": ("AVX512DQ",),
    "avx512er": ("AVX512ER",),
    "avx512f": ("AVX512F",),
    "avx512ifma": ("AVX512IFMA",),
    "avx512pf": ("AVX512PF",),
    "avx512vbmi": ("AVX512VBMI",),
    "avx512vl": ("AVX512VL",),
    "bmi1": ("BMI",),
    "bmi2": ("BMI2",),
    "f16c": ("F16C",),
    "fma": ("FMA3",),
    "fma4": ("FMA4",),
    "hle": ("TSX",),
    "mmx": ("MMX",),
    "mpx": ("MPX",),
    "pclmulqdq": ("CLMUL",),
    "pdpe1gb": ("PDPE1GB",),
    "pni": ("SSE3",),
    "rtm": ("TSX",),
    "sgx": ("SGX",),
    "sha_ni": ("SHA",),
    "sse": ("SSE",),
    "sse2": ("SSE2",),
    "sse4_1": ("SSE41",),
    "sse4_2": ("SSE42",),
    "sse4a": ("SSE4A",),
    "ssse3": ("SSSE3",),
    "stibp": ("STIBP",),
    "svm": ("SVM", "AMD_SVM"),
    "tbm": ("TBM",),
    "vmx": ("VMX", "INTEL_VMX"),
    "xop": ("XOP",),
}

# Processors with only AVX2 can have these flags, but the traits imply AVX-512.
_AVX512_BY_FLAG: _TraitsByFlag = {
    "gfni": ("AVX512GFNI",),
    "vaes": ("AVX512VAES",),
    "vpclmulqdq": ("AVX512VPCLMULQDQ",),
}

# Several vendors use these flags, but the traits are specific to one vendor.
_INTEL_BY_FLAG: _TraitsByFlag = {
    "ibrs": ("INTEL_SPEC_CTRL",),
    "md_clear": ("INTEL_MD_CLEAR",),
    "pcid": ("INTEL_PCID",),
    "ssbd": ("INTEL_SSBD",),
    "tdx_host_platform": ("INTEL_TDX",),
}
_AMD_BY_FLAG: _TraitsByFlag = {
    "ibpb": ("AMD_IBPB",),
    "sev": ("AMD_SEV",),
    "sev_es": ("AMD_SEV_ES",),
    "sev_snp": ("AMD_SEV_SNP",),
    "ssbd": ("AMD_SSBD",),
    "virt_ssbd": ("AMD_VIRT_SSBD",),
}


def processor_traits(processor: Processor) -> frozenset[str]:
    """Return the standard traits of a processor, limited to those of os-traits."""
    flags = processor.flags
    tables = [_X86_BY_FLAG]
    if "avx512f" in flags:
        tables.append(_AVX512_BY_FLAG)
    if processor.vendor == _INTEL:
        tables.append(_INTEL_BY_FLAG)
    if processor.vendor in _AMD:
        tables.append(_AMD_BY_FLAG)
    names = {
        _X86 + name
        for table in tables
        for flag in flags
        for name in table.get(flag, ())
    }
    if processor.vendor is None:
        # On ARM the kernel reports no vendor, and the traits are named after the flags.
        names = {_AARCH64 + flag.upper() for flag in flags}
    if processor.has_threads:
        names.add(HYPERTHREADING)
    return frozenset(names.intersection(os_traits.get_traits("HW_CPU_")))


def is_processor_trait(name: str) -> bool:
    """Whether a trait describes the processor."""
    return name == HYPERTHREADING or name.startswith((_X86, _AARCH64))
