"""Activities: tasks, calls, meetings, visits and their kin, from plan to done."""
