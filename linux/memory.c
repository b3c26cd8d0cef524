// SPDX-License-Identifier: GPL-2.0-only
/* Memory for the core, copies to and from the VMM, and the VMM's pages that back guest memory. */
#include <asm/pgtable.h>
#include <linux/glue.h>
#include <linux/host_compat.h>
#include <linux/hugetlb.h>
#include <linux/kmemleak.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

void *nest_port_alloc(size_t bytes)
{
	return kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
}

void nest_port_free(void *memory)
{
	kvfree(memory);
}

/* With pages larger than 4 KiB, most runs are parts of a page: kmalloc() aligns powers of two to their size. */
static bool is_part_of_page(unsigned int order)
{
	return ((size_t)SZ_4K << order) < PAGE_SIZE;
}

void *nest_port_pages_alloc(unsigned int order, bool atomic)
{
	const gfp_t gfp = (atomic ? GFP_ATOMIC : GFP_KERNEL) | __GFP_ZERO | __GFP_ACCOUNT | __GFP_NOWARN;
	const size_t bytes = (size_t)SZ_4K << order;
	void *part;

	if (!is_part_of_page(order))
		return (void *)__get_free_pages(gfp, get_order(bytes));
	part = kmalloc(bytes, gfp);
	kmemleak_ignore(part); /* page tables refer to one another by physical addresses, which kmemleak does not follow */
	return part;
}

void nest_port_pages_free(void *pages, unsigned int order)
{
	if (is_part_of_page(order))
		kfree(pages);
	else
		free_pages((unsigned long)pages, get_order((size_t)SZ_4K << order));
}

unsigned int nest_port_page_shift(void)
{
	return PAGE_SHIFT;
}

void *nest_port_user_page_alloc(void)
{
	return (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

void nest_port_user_page_free(void *page)
{
	free_page((unsigned long)page);
}

noinstr uint64_t nest_port_va_to_pa(const void *linear)
{
	return __pa(linear);
}

noinstr void *nest_port_pa_to_va(uint64_t pa)
{
	return __va(pa);
}

size_t nest_port_copy_from_user(void *to, uint64_t from, size_t bytes)
{
	return copy_from_user(to, (const void __user *)(uintptr_t)from, bytes);
}

size_t nest_port_copy_to_user(uint64_t to, const void *from, size_t bytes)
{
	return copy_to_user((void __user *)(uintptr_t)to, from, bytes);
}

bool nest_port_user_range_ok(uint64_t address, uint64_t bytes)
{
	return access_ok((void __user *)(uintptr_t)address, bytes);
}

bool nest_port_user_range_has_pfnmap(uint64_t address, uint64_t bytes)
{
	const unsigned long end = address + bytes;
	unsigned long at = address;
	struct vm_area_struct *vma;
	bool found = false;

	mmap_read_lock(current->mm);
	while (at < end && !found) {
		vma = find_vma_intersection(current->mm, at, end);
		if (!vma)
			break;
		found = vma->vm_flags & VM_PFNMAP;
		at = vma->vm_end;
	}
	mmap_read_unlock(current->mm);
	return found;
}

/* ---- guest pages ------------------------------------------------------------------------------------------------ */

/* Where the 4 KiB at `hva` begin in the host's page. */
static uint64_t offset_in_host_page(uint64_t hva)
{
	return hva & ~PAGE_MASK & ~((uint64_t)SZ_4K - 1);
}

/*
 * log2 of the size of the VMM's own mapping of `hva`, from its page table. CPU B may unmap at the same time, but frees a table
 * only after an IPI to all CPUs or an RCU grace period; interrupts are off here, and hold both back.
 */
static unsigned int mapping_shift(struct mm_struct *mm, unsigned long hva)
{
	unsigned int shift = PAGE_SHIFT;
	unsigned long flags;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;

	local_irq_save(flags);
	pgdp = pgd_offset(mm, hva);
	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd) || pgd_bad(pgd))
		goto out;
	p4dp = p4d_offset_lockless(pgdp, pgd, hva);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || p4d_bad(p4d))
		goto out;
	pudp = pud_offset_lockless(p4dp, p4d, hva);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud))
		goto out;
	if (pud_leaf(pud)) {
		shift = PUD_SHIFT;
		goto out;
	}
	pmdp = pmd_offset_lockless(pudp, pud, hva);
	pmd = READ_ONCE(*pmdp);
	if (pmd_present(pmd) && pmd_leaf(pmd))
		shift = PMD_SHIFT;
out:
	local_irq_restore(flags);
	return shift;
}

/* A PFN mapping has no struct page to take a reference on: only the MMU notifier tells when the mapping goes. */
static int get_pfn_mapping(struct mm_struct *mm, unsigned long hva, bool write, struct nest_host_page *out)
{
	struct nest_pfnmap map;
	struct vm_area_struct *vma;
	bool unlocked = false;
	int ret;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, hva);
	if (!vma) {
		ret = -EFAULT;
		goto out;
	}
	if (!(vma->vm_flags & (VM_IO | VM_PFNMAP)) || (write && !(vma->vm_flags & VM_WRITE))) {
		ret = -EFAULT;
		goto out;
	}
	ret = nest_pfnmap_start(&map, vma, hva & PAGE_MASK);
	if (ret) {
		ret = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
		if (!ret)
			ret = unlocked ? -EAGAIN : nest_pfnmap_start(&map, vma, hva & PAGE_MASK);
		if (ret)
			goto out;
	}
	if (write && !map.writable) {
		ret = -EFAULT;
	} else {
		out->pa = PFN_PHYS(map.pfn) + offset_in_host_page(hva);
		out->block_shift = PAGE_SHIFT;
		out->writable = map.writable;
		out->device = !pfn_is_map_memory(map.pfn);
		out->cacheable = (pgprot_val(map.prot) & PTE_ATTRINDX_MASK) == PTE_ATTRINDX(MT_NORMAL);
		out->any_uncached = vma->vm_flags & NEST_VM_ALLOW_ANY_UNCACHED;
		out->page = NULL;
	}
	nest_pfnmap_end(&map);
out:
	mmap_read_unlock(mm);
	return ret;
}

int nest_port_page_get(struct nest_host_vm *vm, uint64_t hva, bool write, struct nest_host_page *out)
{
	/* By FOLL_HONOR_NUMA_FAULT NUMA balancing learns that this CPU uses the page, and may move the page here. */
	unsigned int flags = FOLL_HWPOISON | NEST_FOLL_HONOR_NUMA_FAULT | (write ? FOLL_WRITE : 0);
	struct page *page;
	long ret;

	memset(out, 0, sizeof(*out));
	/* A read fault takes the page writable where that costs no copy, so that the first write needs no second exit. */
	if (!write && get_user_pages_fast_only(hva & PAGE_MASK, 1, FOLL_WRITE, &page) == 1) {
		out->writable = true;
	} else {
		ret = get_user_pages_unlocked(hva & PAGE_MASK, 1, &page, flags);
		if (ret == -EHWPOISON)
			return -EHWPOISON;
		if (ret == -EINTR || ret == -EAGAIN || ret == -ENOMEM)
			return ret;
		if (ret != 1)
			return get_pfn_mapping(vm->mm, hva, write, out);
		out->writable = write;
	}
	/*
	 * The page is known to be poisoned, but the VMM still maps it: memory_failure() has not yet removed the mapping, or
	 * could not. Reads by the host, such as walks of the guest's tables, would be fatal.
	 */
	if (is_page_hwpoison(page)) {
		put_page(page);
		return -EHWPOISON;
	}
	out->pa = page_to_phys(page) + offset_in_host_page(hva);
	out->cacheable = true;
	out->page = page;
	out->block_shift = PageCompound(page) ? mapping_shift(vm->mm, hva) : PAGE_SHIFT;
	return 0;
}

void nest_port_page_release(const struct nest_host_page *page, bool dirty)
{
	if (!page->page)
		return;
	if (!PageReserved((struct page *)page->page)) {
		if (dirty)
			SetPageDirty(page->page);
		mark_page_accessed(page->page);
	}
	put_page(page->page);
}

unsigned int nest_port_vma_page_shift(struct nest_host_vm *vm, uint64_t hva)
{
	struct vm_area_struct *vma;
	unsigned int shift = PAGE_SHIFT;

	mmap_read_lock(vm->mm);
	vma = vma_lookup(vm->mm, hva);
	if (vma)
		shift = ilog2(vma_kernel_pagesize(vma));
	mmap_read_unlock(vm->mm);
	return shift;
}

bool nest_port_poison_signal(struct nest_host_vm *vm, uint64_t hva)
{
	send_sig_mceerr(BUS_MCEERR_AR, (void __user *)(uintptr_t)(hva & PAGE_MASK), nest_port_vma_page_shift(vm, hva), current);
	return signal_pending(current);
}
