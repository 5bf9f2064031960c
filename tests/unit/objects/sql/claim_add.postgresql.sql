WITH consumers_added AS
(INSERT INTO consumers (created_at, uuid, generation, project_id, user_id, consumer_type_id) SELECT CAST(%(now)s AS TIMESTAMP WITHOUT TIME ZONE) AS anon_2, wanted.consumers AS consumers, 1, projects.id AS id, users.id AS id_1, consumer_types.id AS id_2
FROM unnest(CAST(%(consumers)s AS TEXT[]), CAST(%(projects)s AS TEXT[]), CAST(%(users)s AS TEXT[]), CAST(%(types)s AS TEXT[])) AS wanted(consumers, projects, users, types) JOIN projects ON projects.external_id = wanted.projects JOIN users ON users.external_id = wanted.users LEFT OUTER JOIN consumer_types ON consumer_types.name = wanted.types
WHERE wanted.types IS NULL OR consumer_types.id IS NOT NULL ORDER BY wanted.consumers COLLATE "C" ON CONFLICT (uuid) DO NOTHING RETURNING consumers.id),
allocations_added AS
(INSERT INTO allocations (created_at, resource_provider_id, resource_class_id, consumer_id, used) SELECT CAST(%(now)s AS TIMESTAMP WITHOUT TIME ZONE) AS anon_2, resource_providers.id AS id, amounts.classes AS classes, amounts.holders AS holders, amounts.units AS units
FROM unnest(CAST(%(holders)s AS TEXT[]), CAST(%(providers)s AS TEXT[]), CAST(%(classes)s AS INTEGER[]), CAST(%(units)s AS INTEGER[])) AS amounts(holders, providers, classes, units) JOIN resource_providers ON resource_providers.uuid = amounts.providers RETURNING allocations.id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM consumers_added) = %(consumer_count)s AND (SELECT count(*) AS count_2
FROM allocations_added) = %(amount_count)s AND (SELECT allocations.consumer_id
FROM allocations
WHERE allocations.consumer_id = ANY (CAST(%(consumers)s AS TEXT[])) ORDER BY allocations.consumer_id
 LIMIT %(param_1)s) IS NULL AND NOT (EXISTS (SELECT *
FROM placement_limits))) THEN '1' ELSE 'condition not met, Placement handles this' END AS INTEGER) AS anon_1
