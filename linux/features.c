// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's system-wide safe view of the ID registers. */
#include <asm/cpufeature.h>
#include <asm/sysreg.h>
#include <linux/arm-smccc.h>
#include <port/port.h>

/* The core's 16-bit encoding: op0 in 15:14, op1 in 13:11, CRn in 10:7, CRm in 6:3, op2 in 2:0. */
static u32 kernel_encoding(unsigned int e)
{
	return sys_reg(e >> 14 & 3, e >> 11 & 7, e >> 7 & 15, e >> 3 & 15, e & 7);
}

/* read_sanitised_ftr_reg() warns about a register that the kernel does not track; such a register is zero here: no features. */
uint64_t nest_port_feature_register(unsigned int encoding)
{
	u32 reg = kernel_encoding(encoding);

	switch (reg) {
	case SYS_ID_PFR0_EL1:
	case SYS_ID_PFR1_EL1:
	case SYS_ID_DFR0_EL1:
	case SYS_ID_MMFR0_EL1:
	case SYS_ID_MMFR1_EL1:
	case SYS_ID_MMFR2_EL1:
	case SYS_ID_MMFR3_EL1:
	case SYS_ID_ISAR0_EL1:
	case SYS_ID_ISAR1_EL1:
	case SYS_ID_ISAR2_EL1:
	case SYS_ID_ISAR3_EL1:
	case SYS_ID_ISAR4_EL1:
	case SYS_ID_ISAR5_EL1:
	case SYS_ID_ISAR6_EL1:
	case SYS_ID_MMFR4_EL1:
	case SYS_ID_MMFR5_EL1:
	case SYS_ID_PFR2_EL1:
	case SYS_ID_DFR1_EL1:
	case SYS_MVFR0_EL1:
	case SYS_MVFR1_EL1:
	case SYS_MVFR2_EL1:
		/* Tracked only while some CPU runs AArch32 at EL0; else the kernel's copy is never filled. */
	case SYS_ID_AA64PFR0_EL1:
	case SYS_ID_AA64PFR1_EL1:
	case SYS_ID_AA64DFR0_EL1:
	case SYS_ID_AA64DFR1_EL1:
	case SYS_ID_AA64ISAR0_EL1:
	case SYS_ID_AA64ISAR1_EL1:
	case SYS_ID_AA64ISAR2_EL1:
	case SYS_ID_AA64MMFR0_EL1:
	case SYS_ID_AA64MMFR1_EL1:
	case SYS_ID_AA64MMFR2_EL1:
#ifdef SYS_ID_AA64MMFR3_EL1
	case SYS_ID_AA64MMFR3_EL1:
#endif
#ifdef SYS_ID_AA64MMFR4_EL1
	case SYS_ID_AA64MMFR4_EL1:
#endif
#ifdef SYS_ID_AA64ISAR3_EL1
	case SYS_ID_AA64ISAR3_EL1:
#endif
	case SYS_CTR_EL0:
	case SYS_DCZID_EL0:
		return read_sanitised_ftr_reg(reg);
	/* These identify the implementation, and differ between kinds of CPUs: the value is that of the calling CPU. */
	case SYS_MIDR_EL1:
		return read_sysreg(midr_el1);
	case SYS_REVIDR_EL1:
		return read_sysreg(revidr_el1);
	case SYS_AIDR_EL1:
		return read_sysreg(aidr_el1);
	default:
		return 0;
	}
}

/* By SMC, as the firmware is at EL3. Its answer 0 is "there, and needed", 1 "there, but not needed on this CPU". */
bool nest_port_firmware_mitigates(uint32_t function)
{
	struct arm_smccc_res res;

	if (arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_SMC)
		return false;
	arm_smccc_1_1_smc(ARM_SMCCC_ARCH_FEATURES_FUNC_ID, function, &res);
	return (int)res.a0 == SMCCC_RET_SUCCESS;
}
