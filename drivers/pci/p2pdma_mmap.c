// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: user mappings
 *	Documentation/ABI/testing/sysfs-bus-pci
 *
 * The file p2pmem/allocate is for mmap(), which takes zeroed pages from the
 * pool, and munmap(), which gives them back.
 *
 * Removing the file waits for mmap() calls in progress. So in mmap() the
 * provider, if it is there at all, can't go away.
 *
 * The mappings are in the address space of all mappings of I/O memory, so that
 * one call finds those of a range, through whichever mount of sysfs they were
 * made. They are beyond all physical addresses there: at those are resourceN
 * and /dev/mem, which have a life of their own.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>

#include "p2pdma.h"

/* Where physical address 0 would be in that address space; a loff_t, in bytes */
#define PGOFF_OF_MAPPINGS	(1UL << (BITS_PER_LONG - PAGE_SHIFT - 2))

static int mmap_refused(struct pci_dev *pdev, const char *why)
{
	pci_info_ratelimited(pdev, "%s: can't map peer-to-peer memory: %s\n",
			     current->comm, why);
	return -EINVAL;
}

/*
 * A page is zeroed before it is seen. A free page has a reference count of
 * one. The mapping takes another, and the first is dropped: from here on the
 * page belongs to the mapping, and whoever drops the last reference returns
 * it to the pool.
 */
static int map_page(struct vm_area_struct *vma, unsigned long at, void *addr)
{
	struct page *page = virt_to_page(addr);
	int error;

	/* The memory isn't cached: each store crosses the link by itself. */
	__iowrite64_copy((void __iomem __force *)addr,
			 page_address(ZERO_PAGE(0)), PAGE_SIZE / sizeof(u64));
	error = vm_insert_page(vma, at, page);
	if (!error)
		put_page(page);
	return error;
}

/*
 * Device memory is slow to zero: a large mapping takes seconds. Who removes the
 * provider waits for that.
 */
static int may_go_on(struct pci_p2pdma *p2pdma)
{
	if (READ_ONCE(p2pdma->retired))
		return -ENODEV;
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int map_pages(struct vm_area_struct *vma, struct pci_p2pdma *p2pdma,
		     void *addr, size_t nr_pages)
{
	unsigned long at = vma->vm_start;
	int error;

	for (; nr_pages; nr_pages--, at += PAGE_SIZE, addr += PAGE_SIZE) {
		error = may_go_on(p2pdma) ?: map_page(vma, at, addr);
		if (error) {
			/* Those before are freed with the failed mapping. */
			p2pdma_pool_free_pages(p2pdma, addr, nr_pages);
			return error;
		}
		cond_resched();
	}
	return 0;
}

/*
 * A page that was mapped read-only, and is written to. There is no file to
 * keep informed; but it takes somebody to say that all is well.
 */
static vm_fault_t allocate_page_mkwrite(struct vm_fault *vmf)
{
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct allocate_vm_ops = {
	.page_mkwrite = allocate_page_mkwrite,
};

static int allocate_mmap(struct file *file, struct kobject *kobj,
			 struct bin_attribute *attr, struct vm_area_struct *vma)
{
	struct pci_dev *pdev = to_pci_dev(kobj_to_dev(kobj));
	struct pci_p2pdma *p2pdma;
	void *addr;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return mmap_refused(pdev, "a private mapping would copy it");
	if (vma->vm_pgoff)
		return mmap_refused(pdev, "the offset must be zero");

	p2pdma = p2pdma_of_file(pdev);
	if (!p2pdma)
		return -ENODEV;
	addr = p2pdma_pool_alloc_pages(p2pdma, vma_pages(vma));
	if (!addr)
		return READ_ONCE(p2pdma->retired) ? -ENODEV : -ENOMEM;
	/*
	 * mremap() must not grow what one mmap() has allocated, and a core
	 * dump has no business in a device.
	 */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &allocate_vm_ops;
	vma->vm_pgoff = PGOFF_OF_MAPPINGS + PHYS_PFN(__pa(addr));
	/* Like the kernel's own mapping of it */
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	return map_pages(vma, p2pdma, addr, vma_pages(vma));
}

static struct bin_attribute allocate_attr = {
	.attr = { .name = "allocate", .mode = 0660 },
	/* Some languages' mmap() compares the length with the file's size. */
	.size = SZ_1T,
	.f_mapping = iomem_get_mapping,
	.mmap = allocate_mmap,
};

struct bin_attribute *p2pdma_mmap_attrs[] = {
	&allocate_attr,
	NULL,
};

/* Tear down what user space has mapped of a range. */
void p2pdma_mmap_unmap(struct p2pdma_range *range)
{
	unmap_mapping_pages(iomem_get_mapping(),
			    PGOFF_OF_MAPPINGS +
			    PHYS_PFN(range->pgmap.range.start),
			    PHYS_PFN(range_len(&range->pgmap.range)), true);
}
