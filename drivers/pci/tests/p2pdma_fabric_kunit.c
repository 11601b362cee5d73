// SPDX-License-Identifier: GPL-2.0
/*
 * What KUnit tests do with made-up PCI hierarchies
 */

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/device.h>
#include <linux/pci.h>

#include "p2pdma_fabric.h"

/* Above what firmware describes, and above what a VMD takes */
#define FABRIC_DOMAIN	0x20000

struct fabric_layout {
	const struct fabric_node *nodes;
	size_t nr;
	u64 bus_offset;
	int domain;
};

static int fabric_init(struct kunit_resource *res, void *context)
{
	struct fabric_layout *layout = context;

	res->data = fabric_create(layout->nodes, layout->nr,
				  layout->bus_offset, layout->domain);
	return res->data ? 0 : -ENOMEM;
}

static void fabric_exit(struct kunit_resource *res)
{
	fabric_destroy(res->data);
}

/**
 * fabric_setup_domain - a hierarchy that ends with a test
 * @test: removes it at its end
 * @nodes: the functions, parents first
 * @nr_nodes: their number
 * @bus_offset: bus address minus CPU address
 * @domain: its domain, or if that is taken one above
 *
 * Return: never NULL: the test is aborted if the hierarchy can't be made, or
 * if the PCI core hasn't found all of it.
 */
struct fabric *fabric_setup_domain(struct kunit *test,
				   const struct fabric_node *nodes,
				   size_t nr_nodes, u64 bus_offset, int domain)
{
	struct fabric_layout layout = { nodes, nr_nodes, bus_offset, domain };
	struct fabric *fabric;
	int i;

	fabric = kunit_alloc_resource(test, fabric_init, fabric_exit,
				      GFP_KERNEL, &layout);
	KUNIT_ASSERT_NOT_NULL(test, fabric);
	for (i = 0; i < nr_nodes; i++)
		KUNIT_ASSERT_NOT_NULL_MSG(test, fabric_dev(fabric, i),
					  "node %d was not scanned", i);
	return fabric;
}

struct fabric *fabric_setup_offset(struct kunit *test,
				   const struct fabric_node *nodes,
				   size_t nr_nodes, u64 bus_offset)
{
	return fabric_setup_domain(test, nodes, nr_nodes, bus_offset,
				   FABRIC_DOMAIN);
}

struct fabric *fabric_setup(struct kunit *test, const struct fabric_node *nodes,
			    size_t nr_nodes)
{
	return fabric_setup_offset(test, nodes, nr_nodes, 0);
}

static bool is_fabric(struct kunit *test, struct kunit_resource *res,
		      void *fabric)
{
	return res->free == fabric_exit && res->data == fabric;
}

void fabric_drop(struct kunit *test, struct fabric *fabric)
{
	kunit_destroy_resource(test, is_fabric, fabric);
}

int fabric_refs(struct pci_dev *pdev)
{
	return kref_read(&pdev->dev.kobj.kref);
}

void fabric_bind(struct kunit *test, struct pci_dev *pdev)
{
	KUNIT_ASSERT_NOT_NULL(test, devres_open_group(&pdev->dev, pdev,
						      GFP_KERNEL));
}

void fabric_unbind(struct pci_dev *pdev)
{
	devres_release_group(&pdev->dev, pdev);
}
