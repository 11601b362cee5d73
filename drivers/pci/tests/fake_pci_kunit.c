// SPDX-License-Identifier: GPL-2.0
/*
 * Made-up PCI hierarchies as resources of KUnit tests
 */

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/device.h>
#include <linux/pci.h>

#include "../pci.h"
#include "fake_pci.h"

/* Above what firmware describes, and above what a VMD takes */
#define FAKE_PCI_DOMAIN	0x20000

struct fake_pci_layout {
	const struct fake_pci_node *nodes;
	size_t nr;
	u64 bus_offset;
	int domain;
	unsigned int failing_read;
};

static int fake_pci_init(struct kunit_resource *res, void *context)
{
	struct fake_pci_layout *layout = context;

	res->data = fake_pci_create_failing(layout->nodes, layout->nr,
					    layout->bus_offset, layout->domain,
					    layout->failing_read);
	return res->data ? 0 : -ENOMEM;
}

static void fake_pci_exit(struct kunit_resource *res)
{
	fake_pci_destroy(res->data);
}

static struct fake_pci *fake_pci_make(struct kunit *test,
				      struct fake_pci_layout *layout)
{
	struct fake_pci *fake;

	fake = kunit_alloc_resource(test, fake_pci_init, fake_pci_exit,
				    GFP_KERNEL, layout);
	KUNIT_ASSERT_NOT_NULL(test, fake);
	return fake;
}

/**
 * fake_pci_setup_domain() - Make a hierarchy that ends with a test
 * @test: removes it at its end
 * @nodes: the functions, parents first
 * @nr_nodes: their number
 * @bus_offset: bus address minus CPU address
 * @domain: its domain, or if that is taken one above
 *
 * Return: never NULL: the test is aborted if the hierarchy can't be made, or
 * if the PCI core hasn't found all of it.
 */
struct fake_pci *fake_pci_setup_domain(struct kunit *test,
				       const struct fake_pci_node *nodes,
				       size_t nr_nodes, u64 bus_offset, int domain)
{
	struct fake_pci_layout layout = { nodes, nr_nodes, bus_offset, domain };
	struct fake_pci *fake = fake_pci_make(test, &layout);
	int i;

	for (i = 0; i < nr_nodes; i++)
		KUNIT_ASSERT_NOT_NULL_MSG(test, fake_pci_dev(fake, i),
					  "node %d was not scanned", i);
	return fake;
}

struct fake_pci *fake_pci_setup_offset(struct kunit *test,
				       const struct fake_pci_node *nodes,
				       size_t nr_nodes, u64 bus_offset)
{
	return fake_pci_setup_domain(test, nodes, nr_nodes, bus_offset,
				     FAKE_PCI_DOMAIN);
}

struct fake_pci *fake_pci_setup(struct kunit *test,
				const struct fake_pci_node *nodes,
				size_t nr_nodes)
{
	return fake_pci_setup_offset(test, nodes, nr_nodes, 0);
}

/**
 * fake_pci_setup_failing() - Make a hierarchy, and let a read of its scan fail
 * @test: removes it at its end
 * @nodes: the functions, parents first, without VFs
 * @nr_nodes: their number
 * @nth: the config read that returns all ones; 1 is the first, 0 is none.
 *	Reads after the scan work.
 *
 * Return: never NULL, but fake_pci_dev() is for what wasn't found. A test that
 * lets each read fail counts them first, with 0 and fake_pci_reads().
 */
struct fake_pci *fake_pci_setup_failing(struct kunit *test,
					const struct fake_pci_node *nodes,
					size_t nr_nodes, unsigned int nth)
{
	struct fake_pci_layout layout = {
		nodes, nr_nodes, 0, FAKE_PCI_DOMAIN, nth
	};

	return fake_pci_make(test, &layout);
}

static bool fake_pci_is_it(struct kunit *test, struct kunit_resource *res,
			   void *fake)
{
	return res->free == fake_pci_exit && res->data == fake;
}

void fake_pci_drop(struct kunit *test, struct fake_pci *fake)
{
	kunit_destroy_resource(test, fake_pci_is_it, fake);
}

static struct pci_host_bridge *fake_pci_host_bridge(struct fake_pci *fake)
{
	return pci_find_host_bridge(fake_pci_dev(fake, 0)->bus);
}

void fake_pci_set_host(struct fake_pci *fake, u64 host)
{
	WRITE_ONCE(fake_pci_host_bridge(fake)->p2pdma, host);
}

u64 fake_pci_host(struct fake_pci *fake)
{
	return READ_ONCE(fake_pci_host_bridge(fake)->p2pdma);
}

int fake_pci_refs(struct pci_dev *pdev)
{
	return kref_read(&pdev->dev.kobj.kref);
}

void fake_pci_bind(struct kunit *test, struct pci_dev *pdev)
{
	KUNIT_ASSERT_NOT_NULL(test, devres_open_group(&pdev->dev, pdev,
						      GFP_KERNEL));
}

void fake_pci_unbind(struct pci_dev *pdev)
{
	devres_release_group(&pdev->dev, pdev);
}
