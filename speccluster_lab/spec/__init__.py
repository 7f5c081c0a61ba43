"""What is wanted, and how it is said: specs, templates, names and the wire's models.

Pure: nothing here does I/O beyond reading the templates' files, and nothing imports
``distributed``, ``tornado`` or ``jupyter_server``.

==================  =====================================================================
``names``           ids of clusters, names of members, the text that names may be
``models``          :class:`ClusterSpec` and its parts
``templates``       named documents from which a cluster's first spec is made
``admission``       which classes, options and numbers a request may ask for
``api``             requests and answers of the HTTP API, and the events
``openapi``         the OpenAPI file, generated from the above
==================  =====================================================================
"""
