extension WaldurModel {
    /// The daily tasks for resources and projects whose end date has come: a Terminate order for each,
    /// as if the one who set the date had asked for it. Nothing ends before the provider approves.
    mutating func runDailyTasks(resources ofResources: Bool, projects ofProjects: Bool) {
        let today = zone.local(stamp()).date
        for resource in resources.rows where resource.state == .ok {
            let project = projects[resource.project]
            var requester: ID?
            if ofResources, let day = resource.endDate, day <= today {
                requester = resource.endDateRequestedBy
            } else if ofProjects, let day = project?.endDate, day <= today {
                requester = project?.endDateRequestedBy
            } else {
                continue
            }
            let user = users[requester] ?? users.rows.first { $0.isStaff }
            // One that is asked for already is not asked for again.
            if let user { _ = try? order(resource, switchTo: nil, by: user) }
        }
    }
}
