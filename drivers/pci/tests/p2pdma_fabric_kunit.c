// SPDX-License-Identifier: GPL-2.0
/*
 * Made-up PCI hierarchies as resources of KUnit tests
 */

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/device.h>
#include <linux/pci.h>

#include "../pci.h"
#include "p2pdma_fabric.h"

/* Above what firmware describes, and above what a VMD takes */
#define FABRIC_DOMAIN	0x20000

struct fabric_layout {
	const struct fabric_node *nodes;
	size_t nr;
	u64 bus_offset;
	int domain;
	unsigned int failing_read;
};

static int fabric_init(struct kunit_resource *res, void *context)
{
	struct fabric_layout *layout = context;

	res->data = fabric_create_failing(layout->nodes, layout->nr,
					  layout->bus_offset, layout->domain,
					  layout->failing_read);
	return res->data ? 0 : -ENOMEM;
}

static void fabric_exit(struct kunit_resource *res)
{
	fabric_destroy(res->data);
}

static struct fabric *fabric_make(struct kunit *test,
				  struct fabric_layout *layout)
{
	struct fabric *fabric;

	fabric = kunit_alloc_resource(test, fabric_init, fabric_exit,
				      GFP_KERNEL, layout);
	KUNIT_ASSERT_NOT_NULL(test, fabric);
	return fabric;
}

/**
 * fabric_setup_domain() - Make a hierarchy that ends with a test
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
	struct fabric *fabric = fabric_make(test, &layout);
	int i;

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

/**
 * fabric_setup_failing() - Make a hierarchy, and let a read of its scan fail
 * @test: removes it at its end
 * @nodes: the functions, parents first, without VFs
 * @nr_nodes: their number
 * @nth: the config read that returns all ones; 1 is the first, 0 is none.
 *	Reads after the scan work.
 *
 * Return: never NULL, but fabric_dev() is for what wasn't found. A test that
 * lets each read fail counts them first, with 0 and fabric_reads().
 */
struct fabric *fabric_setup_failing(struct kunit *test,
				    const struct fabric_node *nodes,
				    size_t nr_nodes, unsigned int nth)
{
	struct fabric_layout layout = {
		nodes, nr_nodes, 0, FABRIC_DOMAIN, nth
	};

	return fabric_make(test, &layout);
}

static bool fabric_is_it(struct kunit *test, struct kunit_resource *res,
			 void *fabric)
{
	return res->free == fabric_exit && res->data == fabric;
}

void fabric_drop(struct kunit *test, struct fabric *fabric)
{
	kunit_destroy_resource(test, fabric_is_it, fabric);
}

static struct pci_host_bridge *fabric_host_bridge(struct fabric *fabric)
{
	return pci_find_host_bridge(fabric_dev(fabric, 0)->bus);
}

void fabric_set_host(struct fabric *fabric, u64 host)
{
	WRITE_ONCE(fabric_host_bridge(fabric)->p2pdma, host);
}

u64 fabric_host(struct fabric *fabric)
{
	return READ_ONCE(fabric_host_bridge(fabric)->p2pdma);
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
