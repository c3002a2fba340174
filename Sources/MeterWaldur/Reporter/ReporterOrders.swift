internal import Meter
internal import MeterWire

// Orders: a resource is told before a switch or termination comes into effect, since afterwards it cannot be.

extension Reporter {
    /// Orders of this Waldur that the book knows and that had not come to an end when they were last seen.
    var openOrders: [OrderStanding] {
        book.billing.orders.values
            .filter { $0.order.waldur == settings.waldur && $0.isOpen }
            .sorted { $0.order.order < $1.order.order }
    }

    mutating func handleOrders(
        _ result: Result<[WaldurOrder], WaldurError>,
        at moment: ReporterMoment
    ) {
        switch result {
        case .success(let read): months.orders += read
        // An account without a role at the provider sees none.
        case .failure(.status(403, _, _)): break
        case .failure(let error): return abortLane("orders: \(error)", error, at: moment)
        }
        answered(at: moment)
    }

    /// Books what all accounts see, and has the resources told first that it is urgent for.
    mutating func ordersAreRead(at moment: ReporterMoment) {
        var orders: [WaldurOrder] = []
        var listed: Set<OrderID> = []
        for order in months.orders where listed.insert(order.id).inserted { orders.append(order) }
        months.vanished = openOrders.map(\.order.order).filter { !listed.contains($0) }
        bookOrders(orders)
        let urgent = Set(
            orders.filter { $0.waitsForProvider && $0.endsPlanPeriod }.map(\.resource)
        ).union(bound.keys.filter { isEnding($0, at: moment) })
        // The queue's last comes first.
        for index in lanes.indices {
            let queue = lanes[index].queue
            lanes[index].queue =
                queue.filter { !urgent.contains($0) } + queue.filter(urgent.contains)
        }
    }

    /// Its own end or its project's is less than a day away, or past: from then on somebody may approve its
    /// termination at any time.
    func isEnding(_ resource: ResourceID, at moment: ReporterMoment) -> Bool {
        guard let end = listed[resource]?.announcedEnd, let clock = moment.clock else {
            return false
        }
        return clock.latest(at: moment.now).advanced(byMilliseconds: 86_400_000)
            >= end.start(in: settings.zone)
    }

    mutating func handleOrder(
        _ result: Result<WaldurOrder, WaldurError>,
        at moment: ReporterMoment
    ) {
        guard case .readOrder(let id) = months.step else { return }
        switch result {
        case .success(let order): months.orders.append(order)
        case .failure(.status(404, _, _)): break
        case .failure(let error): return abortLane("order \(id): \(error)", error, at: moment)
        }
        answered(at: moment)
    }

    /// An order that no account sees any more is gone; where one gave no answer, it may be the one that does.
    mutating func orderIsRead(_ id: OrderID) {
        if let order = months.orders.first { return bookOrders([order]) }
        guard lanes.allSatisfy({ $0.reading == .done }),
            let known = book.billing.orders[id]?.order
        else { return }
        months.step = .book([.orderSeen(known.inState("gone"))])
    }

    private mutating func bookOrders(_ orders: [WaldurOrder]) {
        var decisions: [Decision] = []
        for order in orders where bound[order.resource] != nil {
            let seen = OrderSeen(
                waldur: settings.waldur,
                order: order.id,
                resource: order.resource,
                type: order.type,
                state: order.state
            )
            let known = book.billing.orders[order.id]
            guard known?.order != seen else { continue }
            decisions.append(.orderSeen(seen))
            // Approved elsewhere, before what was used had been told.
            if !order.waitsForProvider, order.endsPlanPeriod, known?.flushed == nil,
                known?.order.state == "pending-provider" || known == nil && order.isOpen
            {
                decisions += untold(order.resource).map { .incidentFound($0) }
            }
        }
        if !decisions.isEmpty { months.step = .book(decisions) }
    }

    /// What of a resource had not been told when it was last weighed.
    private func untold(_ resource: ResourceID) -> [Incident] {
        guard let month = book.presentMonth(of: settings.waldur) else { return [] }
        return (lines[resource] ?? []).compactMap { line in
            let left =
                (line.figure?.amount ?? .zero).rawValue - (line.confirmed ?? .zero).rawValue
            guard left > 0 else { return nil }
            let key = SubmissionKey(
                waldur: settings.waldur,
                resource: resource,
                component: line.component,
                planPeriod: line.planPeriod,
                month: month
            )
            return Incident(
                kind: .notFlushed,
                key: key,
                quantity: Hundredths(left),
                duePrice: book.plan(of: key).flatMap { plan in
                    book.billing.price(
                        PriceKey(waldur: key.waldur, plan: plan, component: key.component)
                    )?.price
                }
            )
        }
    }

    /// That everything of a resource was told and read back, for its orders that wait; empty where it was
    /// not, or is booked already and nothing was told since.
    func flushes(at moment: ReporterMoment) -> [Decision] {
        guard let work, let plan = work.plan, let figures = work.figures,
            let clock = moment.clock,
            plan.lines.allSatisfy({ $0.verdict == .unchanged })
        else { return [] }
        return openOrders.filter {
            $0.order.resource == work.resource && $0.order.state == "pending-provider"
                && ($0.flushed == nil || !work.tried.isEmpty)
        }.map {
            .orderFlushed(
                OrderFlushed(
                    waldur: settings.waldur,
                    order: $0.order.order,
                    position: figures.position,
                    at: clock.earliest(at: moment.now)
                )
            )
        }
    }
}

extension OrderSeen {
    fileprivate func inState(_ state: String) -> OrderSeen {
        OrderSeen(waldur: waldur, order: order, resource: resource, type: type, state: state)
    }
}
