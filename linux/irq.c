// SPDX-License-Identifier: GPL-2.0-only
/*
 * Physical interrupts that belong to guests: the EL1 virtual and physical timers' PPIs, and the GIC's maintenance PPI.
 * The timers' are marked as forwarded once, at load: the host's EOI then only drops the priority, and the interrupt
 * stays active until the guest deactivates it through a hardware list register, or the core clears it.
 */
#define pr_fmt(fmt) "nestvisor: " fmt
#include <linux/acpi.h>
#include <linux/glue.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/of_irq.h>

enum { VIRTUAL_TIMER, PHYSICAL_TIMER, MAINTENANCE, PPI_COUNT };

struct ppi {
	const char *name;
	unsigned int irq; /* Linux's number; 0: not ours */
	unsigned int intid;
	bool forwarded;
	bool taken;
};

static struct ppi ppis[PPI_COUNT] = {
	[VIRTUAL_TIMER] = { .name = "nestvisor virtual timer", .forwarded = true },
	[PHYSICAL_TIMER] = { .name = "nestvisor physical timer", .forwarded = true },
	[MAINTENANCE] = { .name = "nestvisor vGIC maintenance" },
};

static DEFINE_PER_CPU(struct ppi *, ppi_cookie);

static irqreturn_t timer_handler(int irq, void *cookie)
{
	nest_timer_irq(irq == ppis[PHYSICAL_TIMER].irq);
	return IRQ_HANDLED;
}

static irqreturn_t maintenance_handler(int irq, void *cookie)
{
	nest_maintenance_irq();
	return IRQ_HANDLED;
}

/* ---- which interrupts ------------------------------------------------------------------------------------------- */

static const struct of_device_id timer_nodes[] = { { .compatible = "arm,armv8-timer" }, {} };
static const struct of_device_id gic_nodes[] = { { .compatible = "arm,gic-v3" }, {} };

/* The binding's order without interrupt-names: secure, non-secure physical, virtual, hypervisor physical and virtual. */
static unsigned int timer_ppi_of(struct device_node *node, const char *name, int position)
{
	int index = of_property_match_string(node, "interrupt-names", name);

	return irq_of_parse_and_map(node, index >= 0 ? index : position);
}

static void find_in_device_tree(void)
{
	struct device_node *node = of_find_matching_node(NULL, timer_nodes);

	if (node) {
		ppis[PHYSICAL_TIMER].irq = timer_ppi_of(node, "phys", 1);
		ppis[VIRTUAL_TIMER].irq = timer_ppi_of(node, "virt", 2);
		of_node_put(node);
	}
	node = of_find_matching_node(NULL, gic_nodes);
	if (node) {
		ppis[MAINTENANCE].irq = irq_of_parse_and_map(node, 0);
		of_node_put(node);
	}
}

/* ---- per CPU ---------------------------------------------------------------------------------------------------- */

void nest_irq_cpu_up(void)
{
	int i;

	for (i = 0; i < PPI_COUNT; i++)
		if (ppis[i].taken)
			enable_percpu_irq(ppis[i].irq, IRQ_TYPE_NONE);
}

void nest_irq_cpu_down(void)
{
	int i;

	for (i = 0; i < PPI_COUNT; i++)
		if (ppis[i].taken)
			disable_percpu_irq(ppis[i].irq);
}

void nest_port_timer_irq_set_active(unsigned int which, bool active)
{
	if (ppis[which].taken)
		irq_set_irqchip_state(ppis[which].irq, IRQCHIP_STATE_ACTIVE, active);
}

/* ---- once ------------------------------------------------------------------------------------------------------- */

static void give_back(struct ppi *ppi)
{
	if (!ppi->taken)
		return;
	if (ppi->forwarded)
		irq_set_vcpu_affinity(ppi->irq, NULL);
	free_percpu_irq(ppi->irq, &ppi_cookie);
	ppi->taken = false;
}

static int take(struct ppi *ppi, irq_handler_t handler)
{
	int ret = request_percpu_irq(ppi->irq, handler, ppi->name, &ppi_cookie);

	if (ret)
		return ret;
	ppi->taken = true;
	ppi->intid = irqd_to_hwirq(irq_get_irq_data(ppi->irq));
	if (ppi->intid < 16 || ppi->intid > 31) {
		pr_err("the %s is INTID %u; only PPIs 16 to 31 can be used\n", ppi->name, ppi->intid);
		give_back(ppi);
		return -ERANGE;
	}
	if (ppi->forwarded) {
		ret = irq_set_vcpu_affinity(ppi->irq, &ppi_cookie);
		if (ret)
			give_back(ppi);
	}
	return ret;
}

int nest_irq_init(struct nest_host_config *config)
{
	int ret;

	if (acpi_disabled)
		find_in_device_tree();
	else
		nest_irq_find_in_acpi(&ppis[VIRTUAL_TIMER].irq, &ppis[PHYSICAL_TIMER].irq, &ppis[MAINTENANCE].irq);
	if (!ppis[MAINTENANCE].irq || !ppis[VIRTUAL_TIMER].irq || !ppis[PHYSICAL_TIMER].irq) {
		pr_err("the firmware's tables lack the GICv3 maintenance interrupt or an EL1 timer's\n");
		return -ENODEV;
	}
	ret = take(&ppis[MAINTENANCE], maintenance_handler);
	if (!ret)
		ret = take(&ppis[VIRTUAL_TIMER], timer_handler);
	if (!ret)
		ret = take(&ppis[PHYSICAL_TIMER], timer_handler);
	if (ret) {
		pr_err("the vGIC's or an EL1 timer's interrupt is in use: error %d\n", ret);
		nest_irq_exit();
		return ret;
	}
	config->virtual_ppi = ppis[VIRTUAL_TIMER].intid;
	config->physical_ppi = ppis[PHYSICAL_TIMER].intid;
	config->maintenance_ppi = ppis[MAINTENANCE].intid;
	return 0;
}

void nest_irq_exit(void)
{
	int i;

	for (i = 0; i < PPI_COUNT; i++)
		give_back(&ppis[i]);
}
