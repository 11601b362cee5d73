// SPDX-License-Identifier: GPL-2.0
/*
 * A provider for tests: publishes BAR 2 of QEMU's ivshmem device
 *
 * In debugfs, p2pdma_provider/ lets a test be the kernel's own user of it:
 *
 *   hold      write a number: as many pages are allocated, 0 frees them all;
 *             ENODEV if there is none to be had
 *   clients   write a PCI address: a list of this one client is bound to the
 *             provider; an empty line frees the list
 *
 *   lets_go   write 1: what is held is freed when the provider asks for it,
 *             by a work item, and not at once
 *   told      read: how often it has asked
 *   off       write 1: the driver's remove function turns the device off
 *   drain     write 1: and waits for others to free what they have
 *   held_at_the_end_of_remove   read: pages
 *   pinned    read: pages that I/O had pinned when the driver was removed or
 *             told of a reset; looks: how often that was
 *   recovered read: from how many errors
 *   range     write 0: the memory is taken back, as by another module than the
 *             device's driver; 1: it is added again
 *
 * What is held outlives the provider's driver: that is what it is for.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#define BAR 2

struct held_page {
	struct list_head node;
	void *addr;
};

static DEFINE_MUTEX(lock);		/* protects what follows */
static struct pci_dev *provider;	/* with a reference, once probed */
static LIST_HEAD(held);
static LIST_HEAD(clients);

static unsigned int nr_held;

static struct dentry *dir;
static u32 told, held_at_the_end;
static bool off, drain;

/* Set it to have them counted while the driver is removed. */
static u32 stores;

/* Another module may have taken the memory back. */
static bool has_pages;

static int take_page(void)
{
	struct held_page *page = kmalloc(sizeof(*page), GFP_KERNEL);

	if (!page)
		return -ENOMEM;
	page->addr = pci_alloc_p2pmem(provider, PAGE_SIZE);
	if (!page->addr) {
		kfree(page);
		return -ENODEV;
	}
	list_add(&page->node, &held);
	nr_held++;
	return 0;
}

static void drop_pages(void)
{
	struct held_page *page, *next;

	/* Counted first: with the last page, pci_p2pmem_drain() returns. */
	list_for_each_entry_safe(page, next, &held, node) {
		nr_held--;
		pci_free_p2pmem(provider, page->addr, PAGE_SIZE);
		list_del(&page->node);
		kfree(page);
	}
}

static void let_go_later(struct work_struct *work)
{
	mutex_lock(&lock);
	drop_pages();
	mutex_unlock(&lock);
}

static DECLARE_DELAYED_WORK(letting_go, let_go_later);

static void let_go(struct pci_p2pmem_holder *holder)
{
	told++;
	schedule_delayed_work(&letting_go, HZ / 10);
}

static struct pci_p2pmem_holder holder = {
	.let_go = let_go,
	.node = LIST_HEAD_INIT(holder.node),
};

/* A provider that comes again is asked anew. */
static bool lets_go;

static int lets_go_set(void *data, u64 value)
{
	int error = 0;

	pci_p2pmem_remove_holder(&holder);
	lets_go = value;
	if (lets_go)
		error = provider ? pci_p2pmem_add_holder(provider, &holder) :
				   -ENODEV;
	return error;
}
DEFINE_DEBUGFS_ATTRIBUTE(lets_go_fops, NULL, lets_go_set, "%llu\n");

static int hold_set(void *data, u64 nr)
{
	int error = 0;

	mutex_lock(&lock);
	if (!provider)
		error = -ENODEV;
	else if (!nr)
		drop_pages();
	for (; nr && !error; nr--)
		error = take_page();
	mutex_unlock(&lock);
	return error;
}
DEFINE_DEBUGFS_ATTRIBUTE(hold_fops, NULL, hold_set, "%llu\n");

static int bind_client(const char *name)
{
	struct device *dev;
	int error;

	if (!provider)
		return -ENODEV;
	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev)
		return -ENODEV;
	error = pci_p2pdma_add_client(&clients, dev);
	if (!error && !pci_p2pdma_assign_provider(provider, &clients)) {
		pci_p2pdma_remove_client(&clients, dev);
		error = -EXDEV;
	}
	put_device(dev);
	return error;
}

static ssize_t clients_write(struct file *file, const char __user *buf,
			     size_t count, loff_t *pos)
{
	char text[32] = {};
	int error = 0;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	mutex_lock(&lock);
	pci_p2pdma_client_list_free(&clients);
	if (*strim(text))
		error = bind_client(strim(text));
	mutex_unlock(&lock);
	return error ?: count;
}

static const struct file_operations clients_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = clients_write,
};

static int provider_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int error;

	error = pcim_enable_device(pdev);
	if (error)
		return error;
	error = pci_p2pdma_add_resource(pdev, BAR, 0, 0);
	if (error)
		return error;
	has_pages = true;
	pci_p2pmem_publish(pdev, true);
	pci_save_state(pdev);
	mutex_lock(&lock);
	if (!provider)
		provider = pci_dev_get(pdev);
	mutex_unlock(&lock);
	return 0;
}

/* Pages that I/O has pinned, when the driver is told of a reset or removed */
static u32 pinned, looks;

static void look_for_pins(struct pci_dev *pdev)
{
	struct page *page = pfn_to_page(PHYS_PFN(pci_resource_start(pdev, BAR)));
	unsigned long nr = PHYS_PFN(pci_resource_len(pdev, BAR));

	if (!has_pages)
		return;
	looks++;
	for (; nr; nr--, page++)
		pinned += folio_maybe_dma_pinned(page_folio(page));
}

static u32 recovered;

static pci_ers_result_t error_detected(struct pci_dev *pdev,
				       pci_channel_state_t state)
{
	return state == pci_channel_io_normal ? PCI_ERS_RESULT_CAN_RECOVER :
						PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void resume(struct pci_dev *pdev)
{
	recovered++;
}

static const struct pci_error_handlers provider_handlers = {
	.reset_prepare = look_for_pins,
	.error_detected = error_detected,
	.slot_reset = slot_reset,
	.resume = resume,
};

static int range_set(void *data, u64 value)
{
	int error = 0;

	if (!provider)
		return -ENODEV;
	device_lock(&provider->dev);
	if (value)
		error = pci_p2pdma_add_resource(provider, BAR, 0, 0);
	else
		pci_p2pdma_remove_resource(provider, BAR, 0);
	has_pages = value && !error;
	device_unlock(&provider->dev);
	return error;
}
DEFINE_DEBUGFS_ATTRIBUTE(range_fops, NULL, range_set, "%llu\n");

/* As a driver does that cares */
static void provider_turn_off(struct pci_dev *pdev)
{
	u16 command;

	look_for_pins(pdev);
	if (drain)
		pci_p2pmem_drain(pdev);
	held_at_the_end = nr_held;
	if (!off)
		return;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	pci_write_config_word(pdev, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
}

/* The first word of the memory is a counter: stores to it are counted here. */
static void provider_remove(struct pci_dev *pdev)
{
	void __iomem *word;
	u32 before;

	if (!stores) {
		provider_turn_off(pdev);
		return;
	}
	word = pci_iomap_range(pdev, BAR, 0, sizeof(u32));
	if (!word)
		return;
	before = ioread32(word);
	msleep(50);
	stores = ioread32(word) - before;
	pci_iounmap(pdev, word);
}

static const struct pci_device_id provider_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
	{}
};

static struct pci_driver provider_driver = {
	.name = KBUILD_MODNAME,
	.id_table = provider_ids,
	.probe = provider_probe,
	.remove = provider_remove,
	.err_handler = &provider_handlers,
};

static int __init provider_init(void)
{
	int error;

	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file_unsafe("hold", 0200, dir, NULL, &hold_fops);
	debugfs_create_file("clients", 0200, dir, NULL, &clients_fops);
	debugfs_create_file_unsafe("lets_go", 0200, dir, NULL, &lets_go_fops);
	debugfs_create_u32("stores", 0600, dir, &stores);
	debugfs_create_u32("told", 0400, dir, &told);
	debugfs_create_u32("pinned", 0400, dir, &pinned);
	debugfs_create_u32("looks", 0400, dir, &looks);
	debugfs_create_u32("recovered", 0400, dir, &recovered);
	debugfs_create_file_unsafe("range", 0200, dir, NULL, &range_fops);
	debugfs_create_bool("off", 0600, dir, &off);
	debugfs_create_bool("drain", 0600, dir, &drain);
	debugfs_create_u32("held_at_the_end_of_remove", 0400, dir,
			   &held_at_the_end);
	error = pci_register_driver(&provider_driver);
	if (error)
		debugfs_remove(dir);
	return error;
}

static void __exit provider_exit(void)
{
	debugfs_remove(dir);
	pci_p2pdma_client_list_free(&clients);
	pci_p2pmem_remove_holder(&holder);
	cancel_delayed_work_sync(&letting_go);
	if (provider)
		drop_pages();
	pci_unregister_driver(&provider_driver);
	pci_dev_put(provider);
}

module_init(provider_init);
module_exit(provider_exit);

MODULE_DESCRIPTION("A provider of PCI peer-to-peer memory, for tests");
MODULE_LICENSE("GPL");
