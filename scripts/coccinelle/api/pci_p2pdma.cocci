// SPDX-License-Identifier: GPL-2.0
///
/// Convert drivers to the calls of PCI P2PDMA that take arrays or lists of
/// clients, and that return a scatterlist in several pieces.
///
/// - pci_p2pdma_distance() and pci_p2pmem_find() of a single device become
///   pci_p2pdma_distance_many() and pci_p2pmem_find_many() of an array of one;
/// - pci_p2pmem_alloc_sgl() returns 0 or an error, and the scatterlist
///   through a pointer;
/// - pci_p2pmem_free_sgl() wants the number of entries too. It is found if the
///   scatterlist is allocated in the same file; what is left does not compile.
///
// Confidence: High
// Options: --no-includes --include-headers

virtual patch
virtual report

// An array wants an address: what a function returns is put in a variable ...
@returned depends on patch@
identifier fn, f;
expression provider, verbose, result;
expression list args;
@@
  fn(...)
  {
+	struct device *p2p_client;
	<+...
(
-	result = pci_p2pdma_distance(provider, f(args), verbose);
+	p2p_client = f(args);
+	result = pci_p2pdma_distance_many(provider, &p2p_client, 1, verbose);
|
-	result = pci_p2pmem_find(f(args));
+	p2p_client = f(args);
+	result = pci_p2pmem_find_many(&p2p_client, 1);
)
	...+>
  }

// ... or, inside of an expression, in one without a name.
@distance depends on patch@
expression provider, dev, verbose;
identifier f;
expression list args;
@@
(
- pci_p2pdma_distance(provider, f(args), verbose)
+ pci_p2pdma_distance_many(provider, &(struct device *){ f(args) }, 1, verbose)
|
- pci_p2pdma_distance(provider, dev, verbose)
+ pci_p2pdma_distance_many(provider, &dev, 1, verbose)
)

// A list of clients is what pci_p2pmem_find() takes now.
@find depends on patch@
struct list_head *list;
expression dev, clients;
identifier f;
expression list args;
@@
(
  pci_p2pmem_find(list)
|
  pci_p2pmem_find(&clients)
|
- pci_p2pmem_find(f(args))
+ pci_p2pmem_find_many(&(struct device *){ f(args) }, 1)
|
- pci_p2pmem_find(dev)
+ pci_p2pmem_find_many(&dev, 1)
)

// Where the number of entries is kept: beside the scatterlist ...
@members@
expression provider, owner, length;
identifier sgl, nents;
@@
  owner->sgl = pci_p2pmem_alloc_sgl(provider, &owner->nents, length)

@free_member depends on patch@
expression provider, owner;
identifier members.sgl, members.nents;
@@
- pci_p2pmem_free_sgl(provider, owner->sgl)
+ pci_p2pmem_free_sgl(provider, owner->sgl, owner->nents)

// ... or in the same function
@free_local depends on patch exists@
expression provider, length, sgl, nents;
@@
  sgl = pci_p2pmem_alloc_sgl(provider, &nents, length)
  ...
- pci_p2pmem_free_sgl(provider, sgl)
+ pci_p2pmem_free_sgl(provider, sgl, nents)

@alloc depends on patch@
expression provider, sgl, nents, length;
statement S;
@@
- sgl = pci_p2pmem_alloc_sgl(provider, nents, length);
- if (!sgl)
+ if (pci_p2pmem_alloc_sgl(provider, &sgl, nents, length))
  S

// The scatterlist is NULL after an error.
@alloc_unchecked depends on patch@
expression provider, sgl, nents, length;
@@
- sgl = pci_p2pmem_alloc_sgl(provider, nents, length);
+ pci_p2pmem_alloc_sgl(provider, &sgl, nents, length);

@old depends on report@
expression provider, dev, verbose, nents, length, sgl;
position p;
@@
(
  pci_p2pdma_distance@p(provider, dev, verbose)
|
  pci_p2pmem_alloc_sgl@p(provider, nents, length)
|
  pci_p2pmem_free_sgl@p(provider, sgl)
)

@script:python depends on report@
p << old.p;
@@
coccilib.report.print_report(p[0], "old call of PCI P2PDMA")
