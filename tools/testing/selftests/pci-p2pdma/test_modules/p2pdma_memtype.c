// SPDX-License-Identifier: GPL-2.0
/*
 * The memory type of mappings, as an arm64 processor sees it
 *	Arm ARM (DDI 0487), AT S1E0R, PAR_EL1, MAIR_EL1
 *
 * An emulator may permit what the type doesn't: so a test asks for the type. A
 * process writes an address of peer-to-peer memory that it has mapped to the
 * file p2pdma_memtype in debugfs, and reads the attribute of its own mapping and
 * that of the kernel's, as in MAIR_EL1: 0x44 is Normal memory, non-cacheable.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/uaccess.h>
#include <asm/barrier.h>
#include <asm/sysreg.h>

#define PAR_FAULT	BIT(0)
#define PAR_ATTRIBUTE	56

static struct dentry *memtype_file;

/* @of_user: as user space may access it */
static int memtype_of(unsigned long addr, bool of_user)
{
	u64 par;

	preempt_disable();
	if (of_user)
		asm volatile("at s1e0r, %0" : : "r" (addr));
	else
		asm volatile("at s1e1r, %0" : : "r" (addr));
	isb();
	par = read_sysreg(par_el1);
	preempt_enable();
	return par & PAR_FAULT ? -EFAULT : par >> PAR_ATTRIBUTE;
}

static ssize_t memtype_write(struct file *file, const char __user *user,
			     size_t count, loff_t *pos)
{
	unsigned long addr;
	struct page *page;
	int mine, kernels;

	if (kstrtoul_from_user(user, count, 0, &addr))
		return -EINVAL;
	if (get_user_pages_fast(addr, 1, FOLL_WRITE | FOLL_PCI_P2PDMA,
				&page) != 1)
		return -EFAULT;
	mine = memtype_of(addr, true);
	kernels = memtype_of((unsigned long)page_address(page), false);
	put_page(page);
	if (mine < 0 || kernels < 0)
		return -EFAULT;
	file->private_data = (void *)((unsigned long)mine << 8 | kernels);
	return count;
}

static ssize_t memtype_read(struct file *file, char __user *user, size_t count,
			    loff_t *pos)
{
	unsigned long types = (unsigned long)file->private_data;
	char text[32];

	return simple_read_from_buffer(user, count, pos, text,
				       scnprintf(text, sizeof(text),
						 "user %#04lx kernel %#04lx\n",
						 types >> 8, types & 0xff));
}

static const struct file_operations memtype_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.write = memtype_write,
	.read = memtype_read,
};

static int __init memtype_init(void)
{
	memtype_file = debugfs_create_file("p2pdma_memtype", 0600, NULL, NULL,
					   &memtype_fops);
	return PTR_ERR_OR_ZERO(memtype_file);
}
module_init(memtype_init);

static void __exit memtype_exit(void)
{
	debugfs_remove(memtype_file);
}
module_exit(memtype_exit);

MODULE_DESCRIPTION("Memory types of mappings of peer-to-peer memory");
MODULE_LICENSE("GPL");
