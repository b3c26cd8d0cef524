// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the firmware's tables are ACPI's: the timers' interrupts are in the GTDT, the maintenance interrupt in each CPU's
 * entry of the MADT.
 */
#define pr_fmt(fmt) "nestvisor: " fmt
#include <linux/acpi.h>
#include <linux/glue.h>
#include <linux/host_compat.h>

#ifdef CONFIG_ACPI

/*
 * The kernel maps all three interrupts when it boots, each with the trigger and polarity that it chose. To map one again with
 * other ones is an error; so only an interrupt without a mapping is mapped as the table says.
 */
static unsigned int irq_of(u32 gsi, bool edge, bool low)
{
	unsigned int irq;
	int made;

	if (!gsi)
		return 0;
	if (!acpi_gsi_to_irq(gsi, &irq))
		return irq;
	made = acpi_register_gsi(NULL, gsi, edge ? ACPI_EDGE_SENSITIVE : ACPI_LEVEL_SENSITIVE,
				 low ? ACPI_ACTIVE_LOW : ACPI_ACTIVE_HIGH);
	return made > 0 ? made : 0;
}

static unsigned int timer_irq_of(u32 gsi, u32 flags)
{
	return irq_of(gsi, flags & ACPI_GTDT_INTERRUPT_MODE, flags & ACPI_GTDT_INTERRUPT_POLARITY);
}

static void find_timers(const struct acpi_table_gtdt *gtdt, unsigned int *virtual_timer, unsigned int *physical_timer)
{
	if (gtdt->header.length < offsetofend(struct acpi_table_gtdt, virtual_timer_flags))
		return;
	*physical_timer = timer_irq_of(gtdt->non_secure_el1_interrupt, gtdt->non_secure_el1_flags);
	*virtual_timer = timer_irq_of(gtdt->virtual_timer_interrupt, gtdt->virtual_timer_flags);
}

/*
 * The maintenance interrupt is one PPI, so all CPUs that are there, or may come, have to name the same. Entries of CPUs that
 * can never run do not count, and an entry that reaches beyond the table, or is too short for the field, ends the walk. The
 * table has no polarity.
 */
static void find_maintenance(const struct acpi_table_madt *madt, unsigned int *maintenance)
{
	const void *at = madt + 1, *end = (const void *)madt + madt->header.length;
	u32 gsi = 0, mode = 0;

	while (end - at >= (ptrdiff_t)sizeof(struct acpi_subtable_header)) {
		const struct acpi_madt_generic_interrupt *gicc = at;
		const struct acpi_subtable_header *entry = &gicc->header;

		if (entry->length < sizeof(*entry) || entry->length > end - at)
			break;
		at += entry->length;
		if (entry->type != ACPI_MADT_TYPE_GENERIC_INTERRUPT)
			continue;
		if (entry->length < offsetofend(struct acpi_madt_generic_interrupt, vgic_interrupt))
			break;
		if (!(gicc->flags & (ACPI_MADT_ENABLED | ACPI_MADT_GICC_ONLINE_CAPABLE)))
			continue;
		if (gsi && (gicc->vgic_interrupt != gsi || (gicc->flags & ACPI_MADT_VGIC_IRQ_MODE) != mode)) {
			pr_err("the MADT gives CPUs different maintenance interrupts, %u and %u\n", gsi, gicc->vgic_interrupt);
			return;
		}
		if (!gicc->vgic_interrupt)
			return;
		gsi = gicc->vgic_interrupt;
		mode = gicc->flags & ACPI_MADT_VGIC_IRQ_MODE;
	}
	*maintenance = irq_of(gsi, mode, false);
}

void nest_irq_find_in_acpi(unsigned int *virtual_timer, unsigned int *physical_timer, unsigned int *maintenance)
{
	struct acpi_table_header *table;

	if (ACPI_SUCCESS(acpi_get_table(ACPI_SIG_GTDT, 0, &table))) {
		find_timers((struct acpi_table_gtdt *)table, virtual_timer, physical_timer);
		acpi_put_table(table);
	}
	if (ACPI_SUCCESS(acpi_get_table(ACPI_SIG_MADT, 0, &table))) {
		find_maintenance((struct acpi_table_madt *)table, maintenance);
		acpi_put_table(table);
	}
}

#else
void nest_irq_find_in_acpi(unsigned int *virtual_timer, unsigned int *physical_timer, unsigned int *maintenance) {}
#endif
