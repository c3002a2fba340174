extension Serializer {
    /// Of a customer, what bears on billing and on telling one from another.
    func customer(_ customer: Customer) -> JSON {
        let projects = model.projects.rows.filter { $0.customer == customer.id }
        let users = model.users.rows.count { user in
            user.roles.contains { $0.scope == .customer(customer.id) }
        }
        return [
            "url": url("customers", customer.id), "uuid": uuid(customer.id),
            "created": time(customer.created), "backend_id": "",
            "default_tax_percent": .string(customer.taxPercent.text(places: 2)),
            "projects_count": .int(projects.count), "users_count": .int(users),
            "name": .string(customer.name), "slug": .string(customer.slug),
            "abbreviation": .string(customer.abbreviation),
            "is_service_provider": .bool(customer.serviceProvider != nil),
            "projects": .array(
                projects.map { project in
                    [
                        "url": url("projects", project.id), "uuid": uuid(project.id),
                        "name": .string(project.name),
                        "resource_count": .int(
                            model.resources.rows.count { $0.project == project.id }
                        ),
                        "end_date": .text(project.endDate),
                    ]
                }
            ),
        ]
    }

    func project(_ project: Project) -> JSON {
        let customer = model.customers[project.customer]
        let resources = model.resources.rows.filter { resource in
            resource.project == project.id
                && [.ok, .updating, .terminating].contains(resource.state)
        }
        let categories = Dictionary(grouping: resources) { model.offerings[$0.offering]?.category }
        return [
            "url": url("projects", project.id), "uuid": uuid(project.id),
            "name": .string(project.name), "slug": .string(project.slug),
            "customer": url("customers", project.customer), "customer_uuid": uuid(customer?.id),
            "customer_name": .text(customer?.name), "customer_slug": .text(customer?.slug),
            "customer_native_name": "", "customer_abbreviation": .text(customer?.abbreviation),
            "description": .string(project.description), "created": time(project.created),
            "type": nil, "backend_id": "", "start_date": nil, "end_date": .text(project.endDate),
            "end_date_requested_by": project.endDateRequestedBy.map { url("users", $0) } ?? .null,
            "oecd_fos_2007_code": nil, "oecd_fos_2007_label": nil, "is_industry": false,
            "image": nil, "resources_count": .int(resources.count),
            "billing_price_estimate": estimate(project),
            "marketplace_resource_count": .object(
                categories.map { category, resources in
                    .init(key: category?.hex ?? "", value: .int(resources.count))
                }
            ),
        ]
    }

    /// What all items of a project come to, and those of this month; floats, and a bare 0 where this
    /// month has none.
    private func estimate(_ project: Project) -> JSON {
        let items = model.items.rows.filter { $0.project == project.id }
        let current = items.filter { model.invoices[$0.invoice]?.month == model.month(of: now) }
        func sum(_ items: [InvoiceItem], _ value: (InvoiceItem) -> Decimal10) -> JSON {
            PythonFloat.json(items.map(value).reduce(.zero, +))
        }
        let isBilled = !current.isEmpty
        return [
            "total": sum(items, \.price), "current": isBilled ? sum(current, \.price) : 0,
            "tax": isBilled ? sum(items, tax) : 0, "tax_current": isBilled ? sum(current, tax) : 0,
        ]
    }

    private func tax(_ item: InvoiceItem) -> Decimal10 {
        tax(item.price, model.invoices[item.invoice])
    }

    func serviceProvider(_ id: ID, of customer: Customer, created: Moment) -> JSON {
        [
            "url": url("marketplace-service-providers", id), "uuid": uuid(id),
            "created": time(created), "description": "", "enable_notifications": true,
            "customer": url("customers", customer.id), "customer_name": .string(customer.name),
            "customer_uuid": uuid(customer.id), "customer_image": nil,
            "customer_abbreviation": .string(customer.abbreviation), "customer_native_name": "",
            "image": nil, "organization_group": nil,
            "offering_count": .int(model.offerings.rows.count { $0.customer == customer.id }),
        ]
    }

    /// `expanded` is the form of lists, which shows each offering's name and type.
    func credit(_ credit: Credit, expanded: Bool) -> JSON {
        let customer = model.customers[credit.customer]
        let offerings = credit.offerings.map { id -> JSON in
            let address = url("marketplace-provider-offerings", id)
            guard expanded, let offering = model.offerings[id] else { return address }
            return [
                "uuid": uuid(id), "url": address, "type": .string(offering.type),
                "name": .string(offering.name),
            ]
        }
        return [
            "uuid": uuid(credit.id), "url": url("customer-credits", credit.id),
            "value": .string(credit.value.text(places: 5)),
            "customer": url("customers", credit.customer), "customer_name": .text(customer?.name),
            "customer_uuid": uuid(customer?.id), "customer_slug": .text(customer?.slug),
            "offerings": .array(offerings), "end_date": nil, "minimal_consumption": "0.00000",
            "minimal_consumption_logic": "fixed", "allocated_to_projects": 0,
            "consumption_last_month": credit.usedLastMonth.map(PythonFloat.json) ?? .null,
        ]
    }
}
