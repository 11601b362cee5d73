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
 * one call finds those of a provider, through whichever mount of sysfs they were
 * made. They are beyond all physical addresses there: at those are resourceN
 * and /dev/mem, which have a life of their own.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/bits.h>
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>

#include "p2pdma.h"

/*
 * In pages; a loff_t, in bytes, must hold it all. All mappings of a provider
 * begin where its window does, and none is longer than that.
 */
#define FIRST_WINDOW	BIT(BITS_PER_LONG - PAGE_SHIFT - 2)
#define WINDOW_PAGES	BIT(32)
#define NR_WINDOWS	min_t(unsigned long, FIRST_WINDOW / WINDOW_PAGES, INT_MAX)

static DEFINE_IDA(windows);

static unsigned long window_start(struct pci_p2pdma *p2pdma)
{
	return FIRST_WINDOW + p2pdma->window * WINDOW_PAGES;
}

static int mmap_refused(struct pci_dev *pdev, const char *why)
{
	pci_info_ratelimited(pdev, "%s: can't map peer-to-peer memory: %s\n",
			     current->comm, why);
	return -EINVAL;
}

/*
 * Zeros are posted writes: they count when a read has come back, and there may
 * be nobody to take them (PCIe r6.0, sec 2.4.1 and 7.5.1.1.3).
 */
static bool zero_page(struct page *page)
{
	void __iomem *io = (void __iomem __force *)page_to_virt(page);

	__iowrite64_copy(io, page_address(ZERO_PAGE(0)),
			 PAGE_SIZE / sizeof(u64));
	/*
	 * Stores before the load: those to Normal memory (arm64), or to memory
	 * that resourceN_wc has made write-combining (x86), wait in buffers of
	 * the processor, where a load may pass them or be answered from them.
	 * The barrier (DSB SY, MFENCE) waits until they have left. On the link
	 * the read pushes them ahead.
	 */
	mb();
	return !readq(io + PAGE_SIZE - sizeof(u64));
}

/*
 * Device memory is slow to zero: a large mapping takes seconds. What closes the
 * provider waits for that.
 */
static int may_go_on(struct pci_p2pdma *p2pdma)
{
	if (READ_ONCE(p2pdma->closed))
		return p2pdma_closed_error(p2pdma);
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/*
 * A page with zeros that may still be on their way. It isn't allocated again until
 * it has been zeroed, or what closes the provider has put an end to that.
 */
static void withhold_page(struct pci_p2pdma *p2pdma, struct page *page)
{
	mutex_lock(&p2pdma->withheld_lock);
	if (READ_ONCE(p2pdma->closed)) {
		p2pdma_pool_free_page(p2pdma, page);
	} else {
		atomic_long_dec(&p2pdma->nr_user_pages);
		set_page_private(page, (unsigned long)p2pdma->withheld);
		WRITE_ONCE(p2pdma->withheld, page);
	}
	mutex_unlock(&p2pdma->withheld_lock);
}

/*
 * Tries again, unless another mmap() does; or, if there is no need to, gives back
 * at once.
 */
static void release_withheld(struct pci_p2pdma *p2pdma, bool try_again)
{
	struct page *page;

	if (!READ_ONCE(p2pdma->withheld))
		return;
	if (!try_again)
		mutex_lock(&p2pdma->withheld_lock);
	else if (!mutex_trylock(&p2pdma->withheld_lock))
		return;
	while ((page = p2pdma->withheld)) {
		if (try_again && !PageHWPoison(page) &&
		    (may_go_on(p2pdma) || !zero_page(page)))
			break;
		WRITE_ONCE(p2pdma->withheld, p2pdma_next_page(page));
		atomic_long_inc(&p2pdma->nr_user_pages);
		p2pdma_pool_free_page(p2pdma, page);
		cond_resched();
	}
	mutex_unlock(&p2pdma->withheld_lock);
}

/* @failed: set to a page whose zeros haven't arrived. */
static int zero_pages(struct pci_p2pdma *p2pdma, struct page *page,
		      struct page **failed)
{
	int error;

	for (; page; page = p2pdma_next_page(page)) {
		error = may_go_on(p2pdma);
		if (error)
			return error;
		if (!zero_page(page)) {
			*failed = page;
			return -EIO;
		}
		cond_resched();
	}
	/* It may have been off in between. */
	return p2pdma_is_decoding(p2pdma->pdev) ? may_go_on(p2pdma) : -EIO;
}

/* Pages before @failed have been read back, and those after it weren't touched. */
static void give_back(struct pci_p2pdma *p2pdma, struct page *page,
		      struct page *failed)
{
	struct page *next;

	for (; page; page = next) {
		next = p2pdma_next_page(page);
		if (page == failed)
			withhold_page(p2pdma, page);
		else
			p2pdma_pool_free_page(p2pdma, page);
		cond_resched();
	}
}

/*
 * A free page has a reference count of one. The mapping takes another, and the
 * first is dropped: from here on the page belongs to the mapping, and the last
 * put_page() returns it to the pool.
 */
static int map_pages(struct vm_area_struct *vma, struct pci_p2pdma *p2pdma,
		     struct page *page)
{
	unsigned long at = vma->vm_start;
	struct page *next;
	int error;

	for (; page; page = next, at += PAGE_SIZE) {
		next = p2pdma_next_page(page);
		error = may_go_on(p2pdma) ?: vm_insert_page(vma, at, page);
		if (error) {
			/* Those before are freed with the failed mapping. */
			p2pdma_pool_free_pages(p2pdma, page);
			return error;
		}
		put_page(page);
		cond_resched();
	}
	return 0;
}

/*
 * A page that was mapped read-only, and is written to. There is no file to
 * keep informed; but kernfs calls ->page_mkwrite() whenever there are vm_ops,
 * and without VM_FAULT_LOCKED the fault is tried again for ever.
 */
static vm_fault_t allocate_page_mkwrite(struct vm_fault *vmf)
{
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct allocate_vm_ops = {
	.page_mkwrite = allocate_page_mkwrite,
};

/*
 * Since @torn_down was read, and it was open; it may be open again. A mapping that
 * was made meanwhile may have been missed.
 */
static bool was_torn_down(struct pci_p2pdma *p2pdma, int torn_down)
{
	return READ_ONCE(p2pdma->closed) ||
	       atomic_read(&p2pdma->torn_down) != torn_down;
}

static int allocate_mmap(struct file *file, struct kobject *kobj,
			 struct bin_attribute *attr, struct vm_area_struct *vma)
{
	struct pci_dev *pdev = to_pci_dev(kobj_to_dev(kobj));
	struct pci_p2pdma *p2pdma;
	struct page *pages, *failed = NULL;
	int torn_down, error;

	if (vma_pages(vma) > WINDOW_PAGES)
		return -ENOMEM;
	if (!(vma->vm_flags & VM_MAYSHARE))
		return mmap_refused(pdev, "a private mapping would copy it");
	if (vma->vm_pgoff)
		return mmap_refused(pdev, "the offset must be zero");

	p2pdma = p2pdma_of_file(pdev);
	if (!p2pdma)
		return -ENODEV;
	torn_down = atomic_read_acquire(&p2pdma->torn_down);
	error = may_go_on(p2pdma);
	if (error)
		return error;
	if (!p2pdma_is_decoding(pdev))
		return -EIO;
	release_withheld(p2pdma, true);
	pages = p2pdma_pool_alloc_pages(p2pdma, vma_pages(vma));
	if (!pages)
		return was_torn_down(p2pdma, torn_down) ?
		       p2pdma_closed_error(p2pdma) : -ENOMEM;
	/*
	 * mremap() must not grow what one mmap() has allocated, and a core
	 * dump has no business in a device.
	 */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &allocate_vm_ops;
	vma->vm_pgoff = window_start(p2pdma);
	vma->vm_page_prot = pci_p2pdma_pgprot(vma->vm_page_prot);
	error = zero_pages(p2pdma, pages, &failed);
	if (error)
		give_back(p2pdma, pages, failed);
	else
		error = map_pages(vma, p2pdma, pages);
	if (!error && was_torn_down(p2pdma, torn_down))
		error = -EIO;
	return error;
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

/* A window of its own for each provider */
int p2pdma_mmap_create(struct pci_p2pdma *p2pdma)
{
	p2pdma->window = ida_alloc_max(&windows, NR_WINDOWS - 1, GFP_KERNEL);
	return min(p2pdma->window, 0);
}

void p2pdma_mmap_destroy(struct pci_p2pdma *p2pdma)
{
	ida_free(&windows, p2pdma->window);
}

/* Tears down what user space has mapped. An mmap() that goes on fails. */
void p2pdma_mmap_unmap(struct pci_p2pdma *p2pdma)
{
	atomic_inc_return(&p2pdma->torn_down);
	unmap_mapping_pages(iomem_get_mapping(), window_start(p2pdma),
			    WINDOW_PAGES, true);
}

/* Of a closed provider */
void p2pdma_mmap_close(struct pci_p2pdma *p2pdma)
{
	p2pdma_mmap_unmap(p2pdma);
	release_withheld(p2pdma, false);
}
